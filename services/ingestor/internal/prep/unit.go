package prep

import (
	"fmt"
	"time"
)

// unit is a unit as multiples of the base of its quantity: base = value*scale + offset.
type unit struct {
	quantity      string
	scale, offset float64
}

const (
	power       = "power"  // base W
	energy      = "energy" // base Wh
	temperature = "temperature"
)

// unitOf returns a unit by its symbol.
func unitOf(symbol string) (unit, error) {
	switch symbol {
	case "K":
		return unit{temperature, 1, 0}, nil
	case "C":
		return unit{temperature, 1, 273.15}, nil
	case "F":
		return unit{temperature, 5. / 9, 459.67 * 5 / 9}, nil
	}
	prefix := 1.0
	rest := symbol
	if len(symbol) > 1 {
		switch symbol[0] {
		case 'k':
			prefix, rest = 1e3, symbol[1:]
		case 'M':
			prefix, rest = 1e6, symbol[1:]
		case 'G':
			prefix, rest = 1e9, symbol[1:]
		case 'T':
			prefix, rest = 1e12, symbol[1:]
		}
	}
	switch rest {
	case "W":
		return unit{power, prefix, 0}, nil
	case "Wh":
		return unit{energy, prefix, 0}, nil
	case "J":
		return unit{energy, prefix / 3600, 0}, nil
	}
	return unit{}, fmt.Errorf("%q is not a unit; use W, Wh or J with k, M, G or T before it, or C, F or K", symbol)
}

// conversion returns how a value in from becomes one in to: value*scale + offset. Power over a period is energy.
func conversion(from, to string, period time.Duration) (scale, offset float64, err error) {
	a, err := unitOf(from)
	if err != nil {
		return 0, 0, fmt.Errorf("from: %w", err)
	}
	b, err := unitOf(to)
	if err != nil {
		return 0, 0, fmt.Errorf("to: %w", err)
	}
	hours := 1.0
	switch quantities := a.quantity + " " + b.quantity; {
	case a.quantity == b.quantity:
	case quantities == power+" "+energy:
		hours = period.Hours()
	case quantities == energy+" "+power:
		hours = 1 / period.Hours()
	default:
		return 0, 0, fmt.Errorf("to: %s is %s and %s is %s; use a unit of the same kind", to, b.quantity, from, a.quantity)
	}
	return a.scale * hours / b.scale, (a.offset - b.offset) / b.scale, nil
}
