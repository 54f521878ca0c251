package clickhouse

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/chdb"
	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/sqltext"
)

// Analyst is a second user, who can read and nothing else. The engine has no
// users of its own, so the gateway is the one who tells them apart: an
// analyst's statements run on connections of their own, few in number, on
// which readonly, the limits and the filters are set before the statement and
// cannot be changed by it.
type Analyst struct {
	// User is the name; "" is "analyst".
	User string
	// Password lets the user in. Without one there is no analyst.
	Password string
	// Connections is how many statements of analysts run at the same time. 0 is 2.
	Connections int
	// MaxMemory is the memory in bytes that one statement may take. 0 is 1 GiB.
	MaxMemory int64
	// MaxTime is how long one statement may run. 0 is a minute. A request can
	// ask for less with max_execution_time, but not for more.
	MaxTime time.Duration
	// Filters are conditions that rows must fulfil to be seen, by the table
	// they are in: {"bellwether.observations": "series = 'eia.PJM'"}. A table
	// without one is seen whole; views are filtered by what they read from.
	Filters map[string]string
}

// Defaults of Analyst.
const (
	DefaultAnalyst            = "analyst"
	DefaultAnalystConnections = 2
	DefaultAnalystMemory      = 1 << 30
	DefaultAnalystTime        = time.Minute
)

func (a Analyst) withDefaults() Analyst {
	a.User = first(a.User, DefaultAnalyst)
	if a.Connections == 0 {
		a.Connections = DefaultAnalystConnections
	}
	if a.MaxMemory == 0 {
		a.MaxMemory = DefaultAnalystMemory
	}
	if a.MaxTime == 0 {
		a.MaxTime = DefaultAnalystTime
	}
	return a
}

func (a Analyst) validate(user string) error {
	if a.Password == "" {
		return nil
	}
	var errs []error
	if a.User == user {
		errs = append(errs, fmt.Errorf("analyst user is %q, as is the user who may write: give them different names", a.User))
	}
	if a.Connections < 0 || a.MaxMemory < 0 || a.MaxTime < 0 {
		errs = append(errs, fmt.Errorf("analyst connections, max memory and max time are %d, %d and %s: want none below 0", a.Connections, a.MaxMemory, a.MaxTime))
	}
	return errors.Join(errs...)
}

// settings are those of an analyst's connection when a request asks for want.
// A setting that is neither harmless nor a limit that may be lowered is refused
// as the engine itself does it in read-only mode.
func (a Analyst) settings(want map[string]string) (map[string]string, error) {
	out := map[string]string{
		"readonly":                 "1",
		"max_memory_usage":         strconv.FormatInt(a.MaxMemory, 10),
		"max_execution_time":       strconv.FormatFloat(a.MaxTime.Seconds(), 'f', -1, 64),
		"additional_table_filters": filterMap(a.Filters),
	}
	for name, value := range want {
		switch {
		case name == "max_execution_time":
			if d, err := strconv.ParseFloat(value, 64); err == nil && d > 0 && d < a.MaxTime.Seconds() {
				out[name] = value
			}
		case name == "readonly" && (value == "1" || value == "2"):
			// It is anyway.
		case strings.HasPrefix(name, "output_format_"), slices.Contains(harmless(), name):
			out[name] = value
		default:
			return nil, exception(codeReadonly, "Cannot modify '%s' setting in readonly mode. (READONLY)", name)
		}
	}
	return out, nil
}

// harmless are settings that change how a result looks or how it is computed,
// not what may be read or how much that may cost beyond the limits.
func harmless() []string {
	return []string{
		"limit", "offset", "max_block_size", "max_threads", "max_result_rows", "result_overflow_mode", "extremes",
		"date_time_output_format", "session_timezone", "log_comment", "join_use_nulls", "prefer_column_name_to_alias",
	}
}

// filterMap writes conditions as a value of additional_table_filters.
func filterMap(filters map[string]string) string {
	var list []string
	for _, table := range slices.Sorted(maps.Keys(filters)) {
		list = append(list, quote(table)+": "+quote(filters[table]))
	}
	return "{" + strings.Join(list, ", ") + "}"
}

// harmlessTables are the table functions that read nothing but their arguments.
// All others are closed to analysts: they reach beyond the filters, as merge
// and mergeTreeIndex do, or beyond the store.
func harmlessTables() []string {
	return []string{
		"numbers", "numbers_mt", "zeros", "zeros_mt", "values", "null", "generate_series", "generateseries", "primes", "view",
		"format", // also a function of strings; the engine itself keeps readers from the table function
	}
}

// closedFunctions reach beyond the store: file reads any file of the machine,
// the others load a model or ask a service on the network. The name is enough:
// a function can be given to another one without a bracket behind it.
func closedFunctions() []string {
	return []string{"file", "catboostevaluate", "aiclassify", "aiembed", "aiextract", "aigenerate", "aitranslate"}
}

// examine refuses a statement of an analyst for what the engine's read-only
// mode lets pass: functions that reach beyond the store, KILL and the table
// functions that evade the filters. It looks at the statement as the engine
// itself writes it, so that no spelling hides a name.
func (g *gateway) examine(conn *chdb.Conn, s sqltext.Statement) error {
	r, err := conn.Query("SELECT formatQuerySingleLine({text:String})", "TSVRaw", []chdb.Param{{Name: "text", Value: escapeParam(s.Text)}})
	if err != nil {
		return err
	}
	defer r.Close()
	formatted, err := sqltext.Parse(strings.TrimSuffix(string(r.Bytes()), "\n"), g.formats)
	if err != nil {
		return statementError(err)
	}
	if !formatted.ReadOnly {
		return exception(codeReadonly, "%s: Cannot execute query in readonly mode. (READONLY)", g.analyst.User)
	}
	for _, name := range sqltext.Names(formatted.Text) {
		lower := strings.ToLower(name.Text)
		if _, ok := g.tableFunctions[lower]; slices.Contains(closedFunctions(), lower) || ok && name.Call {
			return exception(codeReadonly, "%s: Cannot use %s in readonly mode. (READONLY)", g.analyst.User, name.Text)
		}
	}
	return nil
}

// escapeParam writes a text as the value of a parameter.
func escapeParam(s string) string { return paramEscaper.Replace(s) }

//nolint:gochecknoglobals // immutable
var paramEscaper = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`)
