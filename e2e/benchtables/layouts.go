package benchtables

// variantsOf returns the layouts to compare of a table, the shipped one first. A variant that turns out to be what is
// shipped is left out. Codecs of different columns do not touch each other, so that one variant can try several.
func variantsOf(table string) []variant {
	layouts := map[string][]variant{
		"observations":          observations(),
		"observation_revisions": revisions(),
		"verdicts":              verdicts(),
		"forecasts":             forecasts(),
		"scores":                scores(),
		"events":                events(),
	}
	if len(layouts[table]) == 0 {
		return nil
	}
	out := []variant{{table: table, name: shipped}}
	for _, v := range layouts[table] {
		v.table = table
		out = append(out, v)
	}
	return out
}

// tables returns the tables that have variants, in the order of the report.
func tables() []string {
	return []string{"observations", "observation_revisions", "verdicts", "forecasts", "scores", "events"}
}

// foreign marks a variant whose types the readers do not know.
func foreign(v variant) variant {
	v.foreign = true
	return v
}

func try(name string, edits ...edit) variant { return variant{name: name, edits: edits} }

// general compression and the granularity of the index, tried on every table.
func common() []variant {
	return []variant{
		try("all LZ4", general("LZ4")),
		try("all ZSTD(1)", general("ZSTD(1)")),
		try("all ZSTD(3)", general("ZSTD(3)")),
		try("granules of 2048 rows", granularity(2048)),
	}
}

func observations() []variant {
	return append([]variant{
		try("by month", partitionBy("toYYYYMM(ts)")),
		try("by year", partitionBy("toYear(ts)")),
		try("one partition", unpartitioned()),
		try("ts first", orderBy("(ts, series)")),
		try("month first, by year", orderBy("(toYYYYMM(ts), series, ts)"), partitionBy("toYear(ts)")),
		try("value ZSTD; times ZSTD", codec("ZSTD(1)", "value", "ts", "known_at")),
		try("value Delta; times Delta; step T64", codec("Delta, ZSTD(1)", "value", "ts", "known_at"), codec("T64, ZSTD(1)", "step_seconds")),
		try("value Gorilla; times DoubleDelta", codec("Gorilla, ZSTD(1)", "value"), codec("DoubleDelta, ZSTD(1)", "ts", "known_at")),
		try("value FPC; times T64", codec("FPC, ZSTD(1)", "value"), codec("T64, ZSTD(1)", "ts", "known_at")),
		foreign(try("value Float32", retype("Float32", "value"))),
		try("with run_id, LowCardinality", swap("`unit`", "`run_id` LowCardinality(String) MATERIALIZED concat('eia-', formatDateTime(known_at, '%Y%m%dT%H%i%SZ'), '-', lower(hex(toUnixTimestamp64Milli(known_at)))) CODEC(ZSTD(1)), `unit`")),
	}, common()...)
}

func revisions() []variant {
	return append([]variant{
		try("by month", partitionBy("toYYYYMM(ts)")),
		try("by year", partitionBy("toYear(ts)")),
		try("known_at first", orderBy("(series, known_at, ts)")),
		try("value ZSTD; times ZSTD", codec("ZSTD(1)", "value", "ts", "known_at")),
		try("value Delta; times Delta", codec("Delta, ZSTD(1)", "value", "ts", "known_at")),
		try("value Gorilla; times DoubleDelta", codec("Gorilla, ZSTD(1)", "value"), codec("DoubleDelta, ZSTD(1)", "ts", "known_at")),
		try("value FPC; times T64", codec("FPC, ZSTD(1)", "value"), codec("T64, ZSTD(1)", "ts", "known_at")),
		try("run_id String", retype("String", "run_id")),
	}, common()...)
}

func verdicts() []variant {
	return append([]variant{
		try("by month", partitionBy("toYYYYMM(ts)")),
		try("by year", partitionBy("toYear(ts)")),
		try("outcome first", orderBy("(outcome, series, ts, known_at, message_id)")),
		try("value Delta; times Delta", codec("Delta, ZSTD(1)", "value", "ts", "known_at")),
		try("value Gorilla; times T64", codec("Gorilla, ZSTD(1)", "value"), codec("T64, ZSTD(1)", "ts", "known_at")),
		try("message_id ZSTD(6)", codec("ZSTD(6)", "message_id")),
		try("message_id LowCardinality", retype("LowCardinality(String)", "message_id")),
	}, common()...)
}

func quantities() []string { return []string{"mean", "p05", "p10", "p50", "p90", "p95", "scale"} }

func forecasts() []variant {
	return append([]variant{
		try("by year", partitionBy("toYear(issued_at)")),
		try("target first", orderBy("(series, target_ts, issued_at, model_id)"), partitionBy("toYYYYMM(target_ts)")),
		try("horizon first", orderBy("(series, horizon, issued_at, target_ts, model_id)")),
		try("quantities Delta; times Delta; horizon T64", codec("Delta, ZSTD(1)", quantities()...), codec("Delta, ZSTD(1)", "issued_at", "target_ts", "data_cut"), codec("T64, ZSTD(1)", "horizon")),
		try("quantities Gorilla; times T64; horizon ZSTD", codec("Gorilla, ZSTD(1)", quantities()...), codec("T64, ZSTD(1)", "issued_at", "target_ts", "data_cut"), codec("ZSTD(1)", "horizon")),
		try("quantities FPC; times ZSTD", codec("FPC, ZSTD(1)", quantities()...), codec("ZSTD(1)", "issued_at", "target_ts", "data_cut")),
		try("quantities ZSTD", codec("ZSTD(1)", quantities()...)),
		foreign(try("quantities Float32", retype("Float32", quantities()...))),
		try("model_id String", retype("String", "model_id")),
		try("newest issue as projection", swap(`\) ENGINE`, ", PROJECTION newest (SELECT series, max(issued_at) GROUP BY series)) ENGINE"), setting("deduplicate_merge_projection_mode = 'rebuild'")),
	}, common()...)
}

func measures() []string {
	return []string{"actual", "mean", "scaled_error", "pinball"}
}

func scores() []variant {
	return append([]variant{
		try("by year", partitionBy("toYear(target_ts)")),
		try("errors stored", stored("error", "abs_error"), stored("abs_error", "pct_error"), stored("pct_error", "scaled_error")),
		try("issue first", orderBy("(series, issued_at, target_ts, model_id)")),
		try("horizon first", orderBy("(series, horizon, target_ts, issued_at, model_id)")),
		try("measures Delta; times Delta; horizon T64", codec("Delta, ZSTD(1)", measures()...), codec("Delta, ZSTD(1)", "issued_at", "target_ts", "scored_at"), codec("T64, ZSTD(1)", "horizon")),
		try("measures Gorilla; times T64; horizon ZSTD", codec("Gorilla, ZSTD(1)", measures()...), codec("T64, ZSTD(1)", "issued_at", "target_ts", "scored_at"), codec("ZSTD(1)", "horizon")),
		try("measures FPC; times ZSTD", codec("FPC, ZSTD(1)", measures()...), codec("ZSTD(1)", "issued_at", "target_ts", "scored_at")),
		try("measures ZSTD; times DoubleDelta", codec("ZSTD(1)", measures()...), codec("DoubleDelta, ZSTD(1)", "issued_at", "target_ts", "scored_at")),
		foreign(try("measures Float32", retype("Float32", measures()...))),
		try("model_id String", retype("String", "model_id")),
	}, common()...)
}

func events() []variant {
	return append([]variant{
		try("by day", partitionBy("toYYYYMMDD(at)")),
		try("service first", orderBy("(service, kind, at, id)")),
		try("at first", orderBy("(at, kind, service, id)")),
		try("id ZSTD(6); numbers Delta", codec("ZSTD(6)", "id"), codec("Delta, ZSTD(1)", "value", "threshold", "at")),
		try("numbers Gorilla; at ZSTD", codec("Gorilla, ZSTD(1)", "value", "threshold"), codec("ZSTD(1)", "at")),
		try("numbers FPC; at T64", codec("FPC, ZSTD(1)", "value", "threshold"), codec("T64, ZSTD(1)", "at")),
		try("subject LowCardinality", retype("LowCardinality(String)", "subject")),
	}, common()...)
}
