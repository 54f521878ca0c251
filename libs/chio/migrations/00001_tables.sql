-- The tables of the record. Every sorting key is the full identity of a row, so writing a row again replaces it.
-- Partitions are functions of the key: rows that replace each other always meet in one partition.
-- docs/tables.md has the measurements behind keys, partitions and codecs; make bench-tables repeats them.
--
-- A retention counts from when a row was stored, not from its own time: replayed history is not thrown away at once. Parts
-- are dropped whole, when the last row of a part has come of age, instead of being written anew without some of its rows.

CREATE TABLE IF NOT EXISTS observations{{.OnCluster}}
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
ENGINE = {{.Replacing "known_at"}}
PARTITION BY toYear(ts)
ORDER BY (series, ts)
-- Merging column by column costs a fifth less than row by row; by default that is for tables of eleven columns and more.
SETTINGS vertical_merge_algorithm_min_columns_to_activate = 1, {{.Deduplicate}};

CREATE TABLE IF NOT EXISTS observation_revisions{{.OnCluster}}
(
    series LowCardinality(String) CODEC(ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    known_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    run_id LowCardinality(String) CODEC(ZSTD(1))
)
ENGINE = {{.Replacing ""}}
PARTITION BY toYear(ts)
ORDER BY (series, ts, known_at)
SETTINGS {{.Deduplicate}};

CREATE TABLE IF NOT EXISTS verdicts{{.OnCluster}}
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
ENGINE = {{.Replacing ""}}
PARTITION BY toYear(ts)
ORDER BY (series, ts, known_at, message_id)
SETTINGS {{.Deduplicate}};

CREATE TABLE IF NOT EXISTS quarantine{{.OnCluster}}
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
ENGINE = {{.Replacing "updated_at"}}
ORDER BY (series, record_id)
SETTINGS {{.Deduplicate}};

CREATE TABLE IF NOT EXISTS ingest_runs{{.OnCluster}}
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
ENGINE = {{.Replacing "finished_at"}}
ORDER BY (source, run_id)
SETTINGS {{.Deduplicate}};

-- A model is written again when its stage changes: a challenger that is promoted, a former champion that serves again.
-- The newest stage_at wins; created_at cannot say it, because it is that of the model in all of them.
CREATE TABLE IF NOT EXISTS models{{.OnCluster}}
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
ENGINE = {{.Replacing "stage_at"}}
ORDER BY (series, model_id)
SETTINGS {{.Deduplicate}};

CREATE TABLE IF NOT EXISTS backtests{{.OnCluster}}
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
ENGINE = {{.Replacing ""}}
ORDER BY (series, job_id, candidate, origin)
SETTINGS {{.Deduplicate}};

-- Two forecasts can share issued_at when two batches became known together. The one that saw more data wins.
CREATE TABLE IF NOT EXISTS forecasts{{.OnCluster}}
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
ENGINE = {{.Replacing "data_cut"}}
PARTITION BY toYYYYMM(issued_at)
ORDER BY (series, issued_at, target_ts, model_id)
TTL stored_at + INTERVAL 2 YEAR
SETTINGS {{.Deduplicate}}, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS scores{{.OnCluster}}
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
ENGINE = {{.Replacing "scored_at"}}
PARTITION BY toYYYYMM(target_ts)
ORDER BY (series, target_ts, issued_at, model_id)
TTL stored_at + INTERVAL 2 YEAR
SETTINGS {{.Deduplicate}}, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS events{{.OnCluster}}
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
ENGINE = {{.Replacing ""}}
PARTITION BY toYYYYMM(at)
ORDER BY (kind, service, at, id)
TTL stored_at + INTERVAL 90 DAY
SETTINGS {{.Deduplicate}}, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS alerts{{.OnCluster}}
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
ENGINE = {{.Replacing "events"}}
ORDER BY (fingerprint, alert_id, at, state)
SETTINGS {{.Deduplicate}};
