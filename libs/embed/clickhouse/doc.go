// Package clickhouse runs ClickHouse inside of the process and serves it over
// ClickHouse's HTTP interface on a TCP address, by default on loopback.
//
// Everything that talks to the record does so through a ClickHouse client over
// HTTP. With this package a development machine or a test needs no server: the
// client is given [Server.Addr] instead, and nothing else differs. The engine
// is libchdb, a build of ClickHouse as a shared library (see package engine for
// its installation), bound without cgo.
//
// # Limits of the engine
//
// A process runs one engine; [Open] refuses a second one until the first is
// closed, after which the same or another directory can be opened. A data
// directory is open in one process at a time. There are no users, roles and
// quotas inside of the engine: [Config] sets one user and password and one
// [Analyst], who can only read, and the HTTP interface tells them apart. There is
// no query log but the one the interface writes, and no replication.
//
// The engine acknowledges an insert when its part is written to the file
// system, like a server with default settings: killing the process loses no
// acknowledged row, a power failure may.
//
// # Requests
//
// A statement is sent by GET (read only) or POST to /, in the URL parameter
// query, in the body, or begun in the one and continued in the other. When an
// INSERT is in the URL the body is its data: it is streamed to the engine and
// committed when it ends; a body that breaks off is discarded. INSERT ... VALUES
// in the body goes to the engine as it is. A request holds exactly one
// statement: a second one is refused with SYNTAX_ERROR, as a server does and
// the library would not.
//
// Other URL parameters:
//
//   - database, default_format, query_id, user, password,
//     wait_end_of_query, enable_http_compression as on a server;
//   - param_NAME is the value of {NAME:Type}, bound for this statement alone;
//   - compress=1 and decompress=1 select ClickHouse's block compression of the
//     result and of the body, LZ4 or ZSTD by network_compression_method;
//   - client_protocol_version selects the form of results in format Native;
//   - session_id, session_timeout, session_check and close_session as on a
//     server: SET, USE and temporary tables last within a session;
//   - role is refused with NOT_IMPLEMENTED, and so are external tables;
//   - quota_key, stacktrace and buffer_size have no meaning here;
//   - every other name is a setting of the engine for this statement, and an
//     unknown one fails with UNKNOWN_SETTING.
//
// The body may be compressed with zstd, br, lz4, gzip or deflate, and so is the
// response if the client accepts it and does not send enable_http_compression=0.
// GET /ping and /replicas_status answer "Ok.".
//
// # Answers
//
// A result is sent with status 200, its format in X-ClickHouse-Format and, if
// it is smaller than 1 MiB, its length and X-ClickHouse-Summary. Results in
// formats that are a plain sequence of rows (Native, TSV, CSV, JSONEachRow,
// JSONCompactEachRow, RowBinary, and these with names and types) are streamed
// with bounded memory; those with a tail, such as JSON and Pretty, are collected
// by the engine first.
//
// An error has the status a server uses for it, its code in
// X-ClickHouse-Exception-Code and the text "Code: N. DB::Exception: ..." in the
// body. One that is raised after the first MiB was sent comes at the end of the
// body between two marks "__exception__", with the tag announced in
// X-ClickHouse-Exception-Tag, which is where clients look for it.
//
// # Connections and their state
//
// Statements run on a fixed number of connections of the engine; a request
// waits for a free one. Settings and the current database belong to a
// connection, so before each statement the connection is brought to exactly
// those of the request; only the difference to what it has is sent. SET, USE
// and temporary tables take effect on the connection, which is then replaced:
// as on a server without sessions, nothing is left for the next request. A
// session has a connection of its own, and what came by URL is taken back on it.
//
// The engine cannot be told to stop a statement on the connection that waits
// for it. When the client disconnects, or [Server.Close] runs out of patience,
// KILL QUERY on a connection kept for this finds the statement by a mark that
// its connection carries in the setting query_cache_tag. A statement that
// changes this setting itself runs to its end. In KILL QUERY statements of
// clients, IDs that they gave to statements are replaced by those of the engine.
//
// # Analysts
//
// An analyst's statement runs on one of few connections kept for analysts, on
// which the limits, additional_table_filters and readonly = 1 have been set
// before it. That keeps out what changes anything or a setting. In this mode the
// engine still lets pass what a server would guard by grants: the function file,
// which reads any file of the machine, KILL, and table functions that evade the
// filters. The gateway refuses these, looking at the statement as the engine
// formats it, so that no spelling hides a name.
//
// # Native format
//
// Clients of the HTTP interface ask for results in format Native with the
// protocol revision they know, whereas the engine always writes revision 0.
// Package internal/native inserts what is missing, a block info and a flag per
// column, without decoding the values. Inserts arrive at revision 0 and are
// passed on unchanged.
package clickhouse
