-- What the embedded store ran: it writes the table itself, since the engine has no query log of its own. On a server the
-- table stays empty; system.query_log is there instead. query_hash is the same for statements that differ in literals.

CREATE TABLE IF NOT EXISTS query_log{{.OnCluster}}
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
ENGINE = {{.Replacing ""}}
PARTITION BY toYYYYMM(started_at)
ORDER BY (started_at, query_id)
TTL stored_at + INTERVAL 30 DAY
SETTINGS {{.Deduplicate}};

CREATE OR REPLACE VIEW v_queries{{.OnCluster}} AS
SELECT
    started_at, query_id, user, kind, elapsed_seconds, read_rows, read_bytes, written_rows, written_bytes, result_bytes,
    exception_code, exception, database, client, query_hash, text
FROM query_log FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;
