// Package clickhouse serves an embedded ClickHouse engine over HTTP.
package clickhouse
