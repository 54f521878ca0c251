CREATE TABLE IF NOT EXISTS schema_migrations ON CLUSTER 'bellwether' (version_id Int64, is_applied UInt8, tstamp DateTime('UTC') DEFAULT now()) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}') ORDER BY version_id;

-- 00001_tables.sql
-- The tables of the record. Every sorting key is the full identity of a row, so writing a row again replaces it.
-- Partitions are functions of the key: rows that replace each other always meet in one partition.
-- docs/tables.md has the measurements behind keys, partitions and codecs; make bench-tables repeats them.
--
-- A retention counts from when a row was stored, not from its own time: replayed history is not thrown away at once. Parts
-- are dropped whole, when the last row of a part has come of age, instead of being written anew without some of its rows.

CREATE TABLE IF NOT EXISTS observations ON CLUSTER 'bellwether'
(
    series LowCardinality(String) CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    known_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    outcome LowCardinality(String) CODEC(ZSTD(1)),
    unit LowCardinality(String) CODEC(ZSTD(1)),
    zone LowCardinality(String) CODEC(ZSTD(1)),
    step_seconds UInt32 CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', known_at)
PARTITION BY toYear(ts)
ORDER BY (series, ts)
-- Merging column by column costs a fifth less than row by row; by default that is for tables of eleven columns and more.
SETTINGS vertical_merge_algorithm_min_columns_to_activate = 1, replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS observation_revisions ON CLUSTER 'bellwether'
(
    series LowCardinality(String) CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    known_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    run_id LowCardinality(String) CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYear(ts)
ORDER BY (series, ts, known_at)
SETTINGS replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS verdicts ON CLUSTER 'bellwether'
(
    series LowCardinality(String) CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    known_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    outcome LowCardinality(String) CODEC(ZSTD(1)),
    checks Array(LowCardinality(String)) CODEC(ZSTD(1)),
    observed Array(Float64) CODEC(ZSTD(1)),
    expected Array(Float64) CODEC(ZSTD(1)),
    threshold Array(Float64) CODEC(ZSTD(1)),
    details Array(String) CODEC(ZSTD(1)),
    message_id String CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYear(ts)
ORDER BY (series, ts, known_at, message_id)
SETTINGS replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS quarantine ON CLUSTER 'bellwether'
(
    series LowCardinality(String) CODEC(ZSTD(1)),
    record_id String CODEC(ZSTD(1)),
    period String CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    reason LowCardinality(String) CODEC(ZSTD(1)),
    detail String CODEC(ZSTD(1)),
    payload String CODEC(ZSTD(3)),
    known_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    run_id LowCardinality(String) CODEC(ZSTD(1)),
    status LowCardinality(String) CODEC(ZSTD(1)),
    updated_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', updated_at)
ORDER BY (series, record_id)
SETTINGS replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS ingest_runs ON CLUSTER 'bellwether'
(
    run_id String CODEC(ZSTD(1)),
    source LowCardinality(String) CODEC(ZSTD(1)),
    origin LowCardinality(String) CODEC(ZSTD(1)),
    as_of DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    started_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    finished_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    series_count UInt32 CODEC(ZSTD(1)),
    pages UInt32 CODEC(ZSTD(1)),
    rows_fetched UInt64 CODEC(ZSTD(1)),
    rows_new UInt64 CODEC(ZSTD(1)),
    rows_revised UInt64 CODEC(ZSTD(1)),
    rows_missing UInt64 CODEC(ZSTD(1)),
    rows_malformed UInt64 CODEC(ZSTD(1)),
    status LowCardinality(String) CODEC(ZSTD(1)),
    error_class LowCardinality(String) CODEC(ZSTD(1)),
    error String CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', finished_at)
ORDER BY (source, run_id)
SETTINGS replicated_deduplication_window = 1000;

-- A model is written again when its stage changes: a challenger that is promoted, a former champion that serves again.
-- The newest stage_at wins; created_at cannot say it, because it is that of the model in all of them.
CREATE TABLE IF NOT EXISTS models ON CLUSTER 'bellwether'
(
    series LowCardinality(String) CODEC(ZSTD(1)),
    model_id String CODEC(ZSTD(1)),
    kind LowCardinality(String) CODEC(ZSTD(1)),
    params String CODEC(ZSTD(1)),
    stage LowCardinality(String) CODEC(ZSTD(1)),
    reason LowCardinality(String) CODEC(ZSTD(1)),
    seed UInt64 CODEC(ZSTD(1)),
    train_start DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    train_end DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    observations UInt32 CODEC(ZSTD(1)),
    data_sha256 String CODEC(ZSTD(1)),
    artifact String CODEC(ZSTD(1)),
    artifact_sha256 String CODEC(ZSTD(1)),
    code_version LowCardinality(String) CODEC(ZSTD(1)),
    parent_id String CODEC(ZSTD(1)),
    backtest_mae Float64 CODEC(ZSTD(1)),
    backtest_mape Float64 CODEC(ZSTD(1)),
    backtest_mase Float64 CODEC(ZSTD(1)),
    created_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    stage_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    decision String CODEC(ZSTD(1)),
    p_value Float64 CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', stage_at)
ORDER BY (series, model_id)
SETTINGS replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS backtests ON CLUSTER 'bellwether'
(
    series LowCardinality(String) CODEC(ZSTD(1)),
    job_id String CODEC(ZSTD(1)),
    candidate LowCardinality(String) CODEC(ZSTD(1)),
    params String CODEC(ZSTD(1)),
    origin DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    horizon UInt16 CODEC(ZSTD(1)),
    n UInt16 CODEC(ZSTD(1)),
    mae Float64 CODEC(ZSTD(1)),
    rmse Float64 CODEC(ZSTD(1)),
    mape Float64 CODEC(ZSTD(1)),
    mase Float64 CODEC(ZSTD(1)),
    error String CODEC(ZSTD(1)),
    created_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (series, job_id, candidate, origin)
SETTINGS replicated_deduplication_window = 1000;

-- Two forecasts can share issued_at when two batches became known together. The one that saw more data wins.
CREATE TABLE IF NOT EXISTS forecasts ON CLUSTER 'bellwether'
(
    series LowCardinality(String) CODEC(ZSTD(1)),
    issued_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    target_ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    horizon UInt16 CODEC(Delta, ZSTD(1)),
    mean Float64 CODEC(FPC, ZSTD(1)),
    p05 Float64 CODEC(FPC, ZSTD(1)),
    p10 Float64 CODEC(FPC, ZSTD(1)),
    p50 Float64 CODEC(FPC, ZSTD(1)),
    p90 Float64 CODEC(FPC, ZSTD(1)),
    p95 Float64 CODEC(FPC, ZSTD(1)),
    model_id LowCardinality(String) CODEC(ZSTD(1)),
    model_kind LowCardinality(String) CODEC(ZSTD(1)),
    data_cut DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    fallback Bool CODEC(ZSTD(1)),
    reason LowCardinality(String) CODEC(ZSTD(1)),
    scale Float64 CODEC(ZSTD(1)),
    stored_at DateTime('UTC') MATERIALIZED now() CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', data_cut)
PARTITION BY toYYYYMM(issued_at)
ORDER BY (series, issued_at, target_ts, model_id)
TTL stored_at + INTERVAL 2 YEAR
SETTINGS replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS scores ON CLUSTER 'bellwether'
(
    series LowCardinality(String) CODEC(ZSTD(1)),
    target_ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    issued_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    horizon UInt16 CODEC(Delta, ZSTD(1)),
    model_id LowCardinality(String) CODEC(ZSTD(1)),
    actual Float64 CODEC(ZSTD(1)),
    mean Float64 CODEC(FPC, ZSTD(1)),
    error Float64 ALIAS mean - actual,
    abs_error Float64 ALIAS abs(mean - actual),
    pct_error Float64 ALIAS if(actual = 0, nan, 100 * abs(mean - actual) / abs(actual)),
    scaled_error Float64 CODEC(FPC, ZSTD(1)),
    pinball Float64 CODEC(FPC, ZSTD(1)),
    covered_80 Bool CODEC(ZSTD(1)),
    covered_90 Bool CODEC(ZSTD(1)),
    scored_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    stored_at DateTime('UTC') MATERIALIZED now() CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', scored_at)
PARTITION BY toYYYYMM(target_ts)
ORDER BY (series, target_ts, issued_at, model_id)
TTL stored_at + INTERVAL 2 YEAR
SETTINGS replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS events ON CLUSTER 'bellwether'
(
    id String CODEC(ZSTD(1)),
    kind LowCardinality(String) CODEC(ZSTD(1)),
    service LowCardinality(String) CODEC(ZSTD(1)),
    instance LowCardinality(String) CODEC(ZSTD(1)),
    at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    class LowCardinality(String) CODEC(ZSTD(1)),
    code LowCardinality(String) CODEC(ZSTD(1)),
    condition LowCardinality(String) CODEC(ZSTD(1)),
    severity LowCardinality(String) CODEC(ZSTD(1)),
    subject String CODEC(ZSTD(1)),
    message String CODEC(ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    threshold Float64 CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    stored_at DateTime('UTC') MATERIALIZED now() CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(at)
ORDER BY (kind, service, at, id)
TTL stored_at + INTERVAL 90 DAY
SETTINGS replicated_deduplication_window = 1000, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS alerts ON CLUSTER 'bellwether'
(
    fingerprint String CODEC(ZSTD(1)),
    alert_id String CODEC(ZSTD(1)),
    name LowCardinality(String) CODEC(ZSTD(1)),
    severity LowCardinality(String) CODEC(ZSTD(1)),
    class LowCardinality(String) CODEC(ZSTD(1)),
    state LowCardinality(String) CODEC(ZSTD(1)),
    labels Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    summary String CODEC(ZSTD(1)),
    cause String CODEC(ZSTD(1)),
    runbook String CODEC(ZSTD(1)),
    started_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    events UInt64 CODEC(ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', events)
ORDER BY (fingerprint, alert_id, at, state)
SETTINGS replicated_deduplication_window = 1000;

-- 00002_views.sql
-- What analysts read. A view shows each row once and in its newest version, whatever was written how often.
-- The setting is safe because every partition is a function of the sorting key; it saves most of the cost of FINAL.

CREATE OR REPLACE VIEW v_observations ON CLUSTER 'bellwether' AS
SELECT series, ts, value, unit, zone, step_seconds, outcome, known_at
FROM observations FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW v_revisions ON CLUSTER 'bellwether' AS
SELECT
    series, ts, known_at, value, run_id,
    row_number() OVER (PARTITION BY series, ts ORDER BY known_at) AS revision
FROM observation_revisions FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- The table has the verdicts with findings. A value that became known without one passed.
CREATE OR REPLACE VIEW v_verdicts ON CLUSTER 'bellwether' AS
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

CREATE OR REPLACE VIEW v_quarantine ON CLUSTER 'bellwether' AS
SELECT series, record_id, period, ts, value, reason, detail, payload, known_at, run_id, status, updated_at
FROM quarantine FINAL;

CREATE OR REPLACE VIEW v_ingest_runs ON CLUSTER 'bellwether' AS
SELECT
    source, run_id, origin, as_of, started_at, finished_at,
    (toUnixTimestamp64Milli(finished_at) - toUnixTimestamp64Milli(started_at)) / 1000 AS duration_seconds,
    series_count, pages, rows_fetched, rows_new, rows_revised, rows_missing, rows_malformed,
    status, error_class, error
FROM ingest_runs FINAL;

-- A series has one champion and at most one challenger, the newest of each; all others are retired.
CREATE OR REPLACE VIEW v_models ON CLUSTER 'bellwether' AS
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

CREATE OR REPLACE VIEW v_backtests ON CLUSTER 'bellwether' AS
SELECT series, job_id, candidate, params, origin, horizon, n, mae, rmse, mape, mase, error, created_at
FROM backtests FINAL;

CREATE OR REPLACE VIEW v_forecasts ON CLUSTER 'bellwether' AS
SELECT
    series, issued_at, target_ts, horizon, mean, p05, p10, p50, p90, p95,
    model_id, model_kind, data_cut, fallback, reason, scale
FROM forecasts FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Several forecasts can be issued at the same instant; of them it is the one from the most data.
CREATE OR REPLACE VIEW v_forecasts_latest ON CLUSTER 'bellwether' AS
SELECT
    series, issued_at, target_ts, horizon, mean, p05, p10, p50, p90, p95,
    model_id, model_kind, data_cut, fallback, reason, scale
FROM v_forecasts
WHERE (series, issued_at) IN (SELECT series, max(issued_at) FROM forecasts GROUP BY series)
QUALIFY (data_cut, model_id) = max((data_cut, model_id)) OVER (PARTITION BY series);

CREATE OR REPLACE VIEW v_scores ON CLUSTER 'bellwether' AS
SELECT
    series, target_ts, issued_at, horizon, model_id, actual, mean, error, abs_error, pct_error, scaled_error,
    pinball, covered_80, covered_90, scored_at
FROM scores FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW v_scores_daily ON CLUSTER 'bellwether' AS
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

CREATE OR REPLACE VIEW v_events ON CLUSTER 'bellwether' AS
SELECT at, kind, service, instance, class, code, condition, severity, subject, message, value, threshold, attributes, id
FROM events FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- One row an occurrence: where it stands, why it fired, and why it resolved. At the same instant the later state is the
-- one further on.
CREATE OR REPLACE VIEW v_alerts ON CLUSTER 'bellwether' AS
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

CREATE OR REPLACE VIEW v_alerts_open ON CLUSTER 'bellwether' AS
SELECT
    fingerprint, alert_id, name, severity, class, state, labels, summary, cause, runbook, started_at, updated_at,
    events
FROM v_alerts
WHERE state != 'resolved';

-- 00003_queries.sql
-- What the embedded store ran: it writes the table itself, since the engine has no query log of its own. On a server the
-- table stays empty; system.query_log is there instead. query_hash is the same for statements that differ in literals.

CREATE TABLE IF NOT EXISTS query_log ON CLUSTER 'bellwether'
(
    query_id String CODEC(ZSTD(1)),
    user LowCardinality(String) CODEC(ZSTD(1)),
    kind LowCardinality(String) CODEC(ZSTD(1)),
    started_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    elapsed_seconds Float64 CODEC(ZSTD(1)),
    read_rows UInt64 CODEC(ZSTD(1)),
    read_bytes UInt64 CODEC(ZSTD(1)),
    written_rows UInt64 CODEC(ZSTD(1)),
    written_bytes UInt64 CODEC(ZSTD(1)),
    result_bytes UInt64 CODEC(ZSTD(1)),
    exception_code UInt32 CODEC(ZSTD(1)),
    exception String CODEC(ZSTD(1)),
    database LowCardinality(String) CODEC(ZSTD(1)),
    client LowCardinality(String) CODEC(ZSTD(1)),
    text String CODEC(ZSTD(3)),
    query_hash UInt64 MATERIALIZED normalizedQueryHash(text) CODEC(ZSTD(1)),
    stored_at DateTime('UTC') MATERIALIZED now() CODEC(DoubleDelta, ZSTD(1))
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toYYYYMM(started_at)
ORDER BY (started_at, query_id)
TTL stored_at + INTERVAL 30 DAY
SETTINGS replicated_deduplication_window = 1000;

CREATE OR REPLACE VIEW v_queries ON CLUSTER 'bellwether' AS
SELECT
    started_at, query_id, user, kind, elapsed_seconds, read_rows, read_bytes, written_rows, written_bytes, result_bytes,
    exception_code, exception, database, client, query_hash, text
FROM query_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- 00004_alerting.sql
-- Alerts say more: the state before, why they are in this one, the number that a rule compares, and what may explain them.

ALTER TABLE alerts ON CLUSTER 'bellwether'
    ADD COLUMN IF NOT EXISTS previous LowCardinality(String) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS reason String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS value Float64 DEFAULT nan CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS threshold Float64 DEFAULT nan CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS evidence Array(String) CODEC(ZSTD(1));

-- One row an occurrence: where it stands, why it fired, and why it resolved. At the same instant the later state is the
-- one further on.
CREATE OR REPLACE VIEW v_alerts ON CLUSTER 'bellwether' AS
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

CREATE OR REPLACE VIEW v_alerts_open ON CLUSTER 'bellwether' AS
SELECT
    fingerprint, alert_id, name, severity, class, state, labels, summary, cause, runbook, started_at, updated_at,
    events, reason, value, threshold
FROM v_alerts
WHERE state != 'resolved';

CREATE OR REPLACE VIEW v_alert_history ON CLUSTER 'bellwether' AS
SELECT
    fingerprint, alert_id, name, severity, class, state, labels, summary, cause, runbook, started_at, at, events,
    previous, reason, value, threshold, evidence
FROM alerts FINAL;

-- Rows written twice count once in both of these, which only ask whether and when.
--
-- How fast people and services react: one row an occurrence that was told, with NaN for what has not happened.
CREATE OR REPLACE VIEW v_alert_response ON CLUSTER 'bellwether' AS
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
CREATE OR REPLACE VIEW v_alert_noise ON CLUSTER 'bellwether' AS
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
