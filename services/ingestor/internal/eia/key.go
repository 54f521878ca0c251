package eia

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Demand is the type of a key that names none.
const Demand = "D"

// Key returns the key of a balancing authority's series of a type: "PJM" for demand, else "PJM.NG".
func Key(ba, kind string) string {
	if kind == Demand {
		return ba
	}
	return ba + "." + kind
}

// Lag returns the publication lag that is normal for a type of region-data, zero for what is not one. Balancing
// authorities report demand and forecasts within hours and interchange a day later.
func Lag(kind string) time.Duration {
	switch kind {
	case Demand:
		return time.Hour
	case "DF":
		return 4 * time.Hour
	case "NG":
		return 5 * time.Hour
	case "TI":
		return 28 * time.Hour
	}
	return 0
}

// TypeOf returns the type of a key; sub-areas report demand alone.
func TypeOf(key string) string {
	if _, kind, ok := strings.Cut(key, "."); ok && !isSub(key) {
		return kind
	}
	return Demand
}

// Typed reports whether key says what it holds, as against naming a balancing authority alone.
func Typed(key string) bool { return isSub(key) || strings.Contains(key, ".") }

func isSub(key string) bool { return strings.Contains(key, "-") }

// CheckKey returns what is wrong with a key.
func CheckKey(key string) error {
	if isSub(key) {
		if parent, sub, _ := strings.Cut(key, "-"); parent == "" || sub == "" || strings.Contains(key, ".") {
			return fmt.Errorf("%q is not a sub-area; write parent and sub-area, such as MISO-0027", key)
		}
		return nil
	}
	ba, kind, typed := strings.Cut(key, ".")
	switch {
	case ba == "":
		return errors.New("names no balancing authority; write PJM or PJM.NG")
	case typed && kind == Demand:
		return fmt.Errorf("%q is demand; write %s", key, ba)
	case typed && Lag(kind) == 0:
		return fmt.Errorf("%q: %q is not a type; write %s for demand, %s.DF, %s.NG or %s.TI", key, kind, ba, ba, ba, ba)
	}
	return nil
}

// ask is one request: the keys of one route.
type ask struct {
	route string
	keys  []string
	types []string // of RouteRegion
}

// asks divides keys into requests. Facets are alternatives one by one, so that balancing authorities of which the same
// types are wanted go together, and no request brings rows that nobody wants.
func (c *Client) asks(keys []string) []ask {
	var subs []string
	var bas []string
	types := map[string][]string{}
	for _, k := range keys {
		if isSub(k) {
			subs = append(subs, k)
			continue
		}
		ba, kind, typed := strings.Cut(k, ".")
		if !typed {
			kind = c.plain()
		}
		if types[ba] == nil {
			bas = append(bas, ba)
		}
		types[ba] = append(types[ba], kind)
	}
	var out []ask
	for _, ba := range bas {
		want := types[ba]
		slices.Sort(want)
		i := slices.IndexFunc(out, func(a ask) bool { return slices.Equal(a.types, want) })
		if i < 0 {
			i, out = len(out), append(out, ask{route: RouteRegion, types: want})
		}
		out[i].keys = append(out[i].keys, ba)
	}
	if len(subs) > 0 {
		out = append(out, ask{route: RouteSubBA, keys: subs})
	}
	return out
}

// plain returns the type of a key that names none.
func (c *Client) plain() string {
	if c.cfg.Type == "" {
		return Demand
	}
	return c.cfg.Type
}
