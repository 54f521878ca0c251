-- Alerts say more: the state before, why they are in this one, the number that a rule compares, and what may explain them.

ALTER TABLE alerts{{.OnCluster}}
    ADD COLUMN IF NOT EXISTS previous LowCardinality(String) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS reason String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS value Float64 DEFAULT nan CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS threshold Float64 DEFAULT nan CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS evidence Array(String) CODEC(ZSTD(1));

-- One row an occurrence: where it stands, why it fired, and why it resolved. At the same instant the later state is the
-- one further on.
CREATE OR REPLACE VIEW v_alerts{{.OnCluster}} AS
SELECT
    fingerprint, alert_id, name, severity, class, state, labels, summary,
    if(fired != '', fired, said) AS cause,
    if(state = 'resolved', said, '') AS resolution,
    runbook, started_at,
    at AS updated_at,
    if(state = 'resolved', at, toDateTime64(0, 3, 'UTC')) AS resolved_at,
    events, reason, value, threshold
FROM
(
    SELECT
        fingerprint, alert_id, name, severity, class, state, labels, summary, cause AS said, runbook, started_at, at, events,
        reason, value, threshold,
        argMinIf(cause, at, state = 'firing') OVER (PARTITION BY fingerprint, alert_id) AS fired
    FROM alerts FINAL
    ORDER BY
        fingerprint, alert_id, at DESC,
        indexOf(['pending', 'inhibited', 'silenced', 'muted', 'firing', 'flapping', 'acknowledged', 'resolved'], state) DESC
    LIMIT 1 BY fingerprint, alert_id
);

CREATE OR REPLACE VIEW v_alerts_open{{.OnCluster}} AS
SELECT
    fingerprint, alert_id, name, severity, class, state, labels, summary, cause, runbook, started_at, updated_at,
    events, reason, value, threshold
FROM v_alerts
WHERE state != 'resolved';

CREATE OR REPLACE VIEW v_alert_history{{.OnCluster}} AS
SELECT
    fingerprint, alert_id, name, severity, class, state, labels, summary, cause, runbook, started_at, at, events,
    previous, reason, value, threshold, evidence
FROM alerts FINAL;

-- Rows written twice count once in both of these, which only ask whether and when.
--
-- How fast people and services react: one row an occurrence that was told, with NaN for what has not happened.
CREATE OR REPLACE VIEW v_alert_response{{.OnCluster}} AS
SELECT
    fingerprint, alert_id,
    any(name) AS name, any(severity) AS severity, any(class) AS class,
    minIf(at, state IN ('firing', 'flapping')) AS fired_at,
    if(countIf(state = 'acknowledged') > 0, dateDiff('millisecond', fired_at, minIf(at, state = 'acknowledged')) / 1000, nan) AS ack_seconds,
    if(countIf(state = 'resolved') > 0, dateDiff('millisecond', fired_at, maxIf(at, state = 'resolved')) / 1000, nan) AS resolve_seconds
FROM alerts
GROUP BY fingerprint, alert_id
HAVING countIf(state IN ('firing', 'flapping')) > 0;

-- Which rules make noise: what they raised in the last 30 days, how much of it nobody was told, flapped, or was over
-- within five minutes without anybody taking care.
CREATE OR REPLACE VIEW v_alert_noise{{.OnCluster}} AS
SELECT
    name,
    count() AS occurrences,
    uniqExact(fingerprint) AS alerts,
    countIf(fired = 0) AS held_back,
    countIf(flapped > 0) AS flapping,
    countIf(acked > 0) AS acknowledged,
    countIf(ended > 0 AND acked = 0 AND dateDiff('second', began, ended_at) < 300) AS short
FROM
(
    SELECT
        fingerprint, alert_id, any(name) AS name, min(at) AS began,
        countIf(state IN ('firing', 'flapping')) AS fired, countIf(state = 'flapping') AS flapped,
        countIf(state = 'acknowledged') AS acked, countIf(state = 'resolved') AS ended, maxIf(at, state = 'resolved') AS ended_at
    FROM alerts
    WHERE state != 'pending' AND at > now() - INTERVAL 30 DAY
    GROUP BY fingerprint, alert_id
)
GROUP BY name;
