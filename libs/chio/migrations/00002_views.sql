-- What analysts read. A view shows each row once and in its newest version, whatever was written how often.
-- The setting is safe because every partition is a function of the sorting key; it saves most of the cost of FINAL.

CREATE OR REPLACE VIEW v_observations{{.OnCluster}} AS
SELECT series, ts, value, unit, zone, step_seconds, outcome, known_at
FROM observations FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW v_revisions{{.OnCluster}} AS
SELECT
    series, ts, known_at, value, run_id,
    row_number() OVER (PARTITION BY series, ts ORDER BY known_at) AS revision
FROM observation_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- The table has the verdicts with findings. A value that became known without one passed.
CREATE OR REPLACE VIEW v_verdicts{{.OnCluster}} AS
SELECT series, ts, known_at, value, outcome, checks, observed, expected, threshold, details, message_id
FROM verdicts FINAL
UNION ALL
SELECT
    series, ts, known_at, value,
    CAST('pass', 'LowCardinality(String)') AS outcome,
    CAST([], 'Array(LowCardinality(String))') AS checks,
    CAST([], 'Array(Float64)') AS observed,
    CAST([], 'Array(Float64)') AS expected,
    CAST([], 'Array(Float64)') AS threshold,
    CAST([], 'Array(String)') AS details,
    '' AS message_id
FROM observation_revisions FINAL
WHERE (series, ts, known_at) NOT IN (SELECT series, ts, known_at FROM verdicts)
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW v_quarantine{{.OnCluster}} AS
SELECT series, record_id, period, ts, value, reason, detail, payload, known_at, run_id, status, updated_at
FROM quarantine FINAL;

CREATE OR REPLACE VIEW v_ingest_runs{{.OnCluster}} AS
SELECT
    source, run_id, origin, as_of, started_at, finished_at,
    (toUnixTimestamp64Milli(finished_at) - toUnixTimestamp64Milli(started_at)) / 1000 AS duration_seconds,
    series_count, pages, rows_fetched, rows_new, rows_revised, rows_missing, rows_malformed,
    status, error_class, error
FROM ingest_runs FINAL;

-- A series has one champion and at most one challenger, the newest of each; all others are retired.
CREATE OR REPLACE VIEW v_models{{.OnCluster}} AS
SELECT
    series, model_id, kind,
    CAST(newest AND models.stage = 'champion', 'Bool') AS is_champion,
    if(newest, models.stage, 'retired') AS stage,
    reason, params, seed, train_start, train_end, observations, data_sha256, artifact, artifact_sha256,
    code_version, parent_id, backtest_mae, backtest_mape, backtest_mase, created_at, stage_at, decision, p_value
FROM
(
    SELECT *, (stage_at, model_id) = max((stage_at, model_id)) OVER (PARTITION BY series, stage) AS newest
    FROM models FINAL
) AS models;

CREATE OR REPLACE VIEW v_backtests{{.OnCluster}} AS
SELECT series, job_id, candidate, params, origin, horizon, n, mae, rmse, mape, mase, error, created_at
FROM backtests FINAL;

CREATE OR REPLACE VIEW v_forecasts{{.OnCluster}} AS
SELECT
    series, issued_at, target_ts, horizon, mean, p05, p10, p50, p90, p95,
    model_id, model_kind, data_cut, fallback, reason, scale
FROM forecasts FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Several forecasts can be issued at the same instant; of them it is the one from the most data.
CREATE OR REPLACE VIEW v_forecasts_latest{{.OnCluster}} AS
SELECT
    series, issued_at, target_ts, horizon, mean, p05, p10, p50, p90, p95,
    model_id, model_kind, data_cut, fallback, reason, scale
FROM v_forecasts
WHERE (series, issued_at) IN (SELECT series, max(issued_at) FROM forecasts GROUP BY series)
QUALIFY (data_cut, model_id) = max((data_cut, model_id)) OVER (PARTITION BY series);

CREATE OR REPLACE VIEW v_scores{{.OnCluster}} AS
SELECT
    series, target_ts, issued_at, horizon, model_id, actual, mean, error, abs_error, pct_error, scaled_error,
    pinball, covered_80, covered_90, scored_at
FROM scores FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW v_scores_daily{{.OnCluster}} AS
SELECT
    series,
    toDate(target_ts) AS day,
    model_id,
    count() AS n,
    avg(abs_error) AS mae,
    avgIf(abs(pct_error), isFinite(pct_error)) AS mape,
    avg(covered_80) AS coverage_80,
    avg(covered_90) AS coverage_90
FROM v_scores
WHERE isFinite(abs_error)
GROUP BY series, day, model_id;

CREATE OR REPLACE VIEW v_events{{.OnCluster}} AS
SELECT at, kind, service, instance, class, code, condition, severity, subject, message, value, threshold, attributes, id
FROM events FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

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
    events
FROM
(
    SELECT
        fingerprint, alert_id, name, severity, class, state, labels, summary, cause AS said, runbook, started_at, at, events,
        argMinIf(cause, at, state = 'firing') OVER (PARTITION BY fingerprint, alert_id) AS fired
    FROM alerts FINAL
    ORDER BY fingerprint, alert_id, at DESC, indexOf(['pending', 'firing', 'resolved'], state) DESC
    LIMIT 1 BY fingerprint, alert_id
);

CREATE OR REPLACE VIEW v_alerts_open{{.OnCluster}} AS
SELECT
    fingerprint, alert_id, name, severity, class, state, labels, summary, cause, runbook, started_at, updated_at,
    events
FROM v_alerts
WHERE state != 'resolved';
