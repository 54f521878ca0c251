package clickhouse

import (
	"strings"

	"github.com/bellwether-forecast/bellwether/libs/embed/clickhouse/internal/chdb"
)

const defaultDatabase = "default"

// session is a connection and the state that statements left on it: the
// settings that differ from the defaults and the current database.
type session struct {
	conn     *chdb.Conn
	mark     string // value of markSetting
	settings map[string]string
	database string
	// dirty sessions are replaced before their next use: a statement changed
	// them in a way that cannot be undone reliably.
	dirty bool
}

// prepare gives the connection exactly the wanted settings and database. Only
// the difference to what it has is sent, so clients that always send the same
// settings pay nothing.
func (s *session) prepare(database string, settings map[string]string) error {
	if sql := s.change(settings); sql != "" {
		// A failed SET may have been applied in part, and a setting such as
		// readonly forbids to take it back.
		if err := s.exec(sql); err != nil {
			s.dirty = true
			return err
		}
		s.settings = settings
		s.dirty = restricted(settings)
	}
	if database == "" {
		database = defaultDatabase
	}
	if database != s.database {
		if err := s.exec("USE " + quoteName(database)); err != nil {
			s.dirty = true
			return err
		}
		s.database = database
	}
	return nil
}

func (s *session) exec(sql string) error {
	r, err := s.conn.Query(sql, "Null", nil)
	if err != nil {
		return err
	}
	r.Close()
	return nil
}

// change is the SET statement from the present to the wanted settings, or "".
func (s *session) change(want map[string]string) string {
	var list []string
	for name := range s.settings {
		if _, ok := want[name]; !ok {
			list = append(list, name+" = DEFAULT")
		}
	}
	for name, value := range want {
		if have, ok := s.settings[name]; !ok || have != value {
			list = append(list, name+" = "+quote(value))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "SET " + strings.Join(list, ", ")
}

// restricted reports whether settings hold one that keeps others from being
// changed back, or the mark.
func restricted(settings map[string]string) bool {
	for _, name := range []string{"readonly", "allow_ddl", markSetting} {
		if _, ok := settings[name]; ok {
			return true
		}
	}
	return false
}

// quote writes a string literal.
func quote(s string) string { return "'" + escaper.Replace(s) + "'" }

// quoteName writes an identifier.
func quoteName(s string) string { return "`" + escaper.Replace(s) + "`" }

//nolint:gochecknoglobals // immutable
var escaper = strings.NewReplacer(`\`, `\\`, `'`, `\'`, "`", "\\`", "\x00", `\0`)
