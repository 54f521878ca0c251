package native

import (
	"strconv"
	"strings"
)

// sizes are the widths in bytes of the types with fixed size values. Type
// parameters, such as the time zone of DateTime('UTC'), do not matter.
func fixedSize(name, args string) (int, bool) {
	switch name {
	case "UInt8", "Int8", "Bool", "Enum8", "Nothing":
		return 1, true
	case "UInt16", "Int16", "Enum16", "Date", "BFloat16":
		return 2, true
	case "UInt32", "Int32", "Float32", "DateTime", "Date32", "IPv4", "Decimal32", "Time":
		return 4, true
	case "UInt64", "Int64", "Float64", "DateTime64", "Decimal64", "Time64":
		return 8, true
	case "UInt128", "Int128", "UUID", "IPv6", "Decimal128":
		return 16, true
	case "UInt256", "Int256", "Decimal256":
		return 32, true
	case "FixedString":
		n, err := strconv.Atoi(args)
		return n, err == nil
	case "Decimal":
		return decimalSize(args)
	}
	return 8, strings.HasPrefix(name, "Interval")
}

// decimalSize is the width of Decimal(precision, scale).
func decimalSize(args string) (int, bool) {
	precision, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(args, ",", 2)[0]))
	switch {
	case err != nil:
		return 0, false
	case precision <= 9:
		return 4, true
	case precision <= 18:
		return 8, true
	case precision <= 38:
		return 16, true
	}
	return 32, true
}

// split cuts "Array(String)" into "Array" and "String".
func split(typ string) (name, args string) {
	open := strings.IndexByte(typ, '(')
	if open < 0 || !strings.HasSuffix(typ, ")") {
		return typ, ""
	}
	return typ[:open], typ[open+1 : len(typ)-1]
}

// list cuts type arguments at the commas outside of brackets and quotes.
func list(args string) []string {
	var out []string
	depth, from := 0, 0
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '\'', '`', '"':
			i = closing(args, i)
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(args[from:i]))
				from = i + 1
			}
		}
	}
	if rest := strings.TrimSpace(args[from:]); rest != "" {
		out = append(out, rest)
	}
	return out
}

// closing is the position of the quote that ends the one at i.
func closing(s string, i int) int {
	q := s[i]
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case q:
			return i
		}
	}
	return len(s)
}

// element drops the name of a tuple element: "a UInt8" is "UInt8". An unnamed
// element has no blank before its first bracket.
func element(arg string) string {
	i := 0
	if arg != "" && (arg[0] == '`' || arg[0] == '"') {
		i = closing(arg, 0)
	}
	for ; i < len(arg) && arg[i] != '('; i++ {
		if arg[i] == ' ' {
			return strings.TrimSpace(arg[i:])
		}
	}
	return arg
}

// alias expands the types that are names for others.
func alias(name, args string) string {
	switch name {
	case "Map":
		return "Array(Tuple(" + args + "))"
	case "Nested":
		return "Array(Tuple(" + args + "))"
	case "Point":
		return "Tuple(Float64, Float64)"
	case "Ring", "LineString":
		return "Array(Point)"
	case "Polygon", "MultiLineString":
		return "Array(Ring)"
	case "MultiPolygon":
		return "Array(Polygon)"
	case "SimpleAggregateFunction":
		if parts := list(args); len(parts) == 2 {
			return parts[1]
		}
	}
	return ""
}
