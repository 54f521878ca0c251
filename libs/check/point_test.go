package check_test

import (
	"math"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/series"
)

// name is the check that found something, or "".
func name(f check.Finding, found bool) check.Name {
	if !found {
		return ""
	}
	return f.Check
}

// The oracle of the tables is arithmetic by hand.
func TestNegative(t *testing.T) {
	t.Parallel()
	for title, tc := range map[string]struct {
		c    check.Negative
		v    float64
		l    check.Level
		want check.Name
	}{
		"positive":            {check.Negative{}, 5, check.Level{Median: 10}, ""},
		"zero":                {check.Negative{}, 0, check.Level{Median: 10}, ""},
		"the other sign":      {check.Negative{}, -9, check.Level{Median: 10}, check.Sign},
		"too small":           {check.Negative{}, -4, check.Level{Median: 10}, ""},
		"too large":           {check.Negative{}, -21, check.Level{Median: 10}, ""},
		"level not known":     {check.Negative{}, -9, check.Level{}, check.Sign},
		"negatives are usual": {check.Negative{Min: -100}, -9, check.Level{Median: 10}, ""},
	} {
		if got := name(tc.c.Check(tc.v, tc.l)); got != tc.want {
			t.Errorf("%s: %q, want %q", title, got, tc.want)
		}
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	c := check.Scale{Slack: 0.35} // factors 0.447 to 2.24 around a power of a thousand
	for title, tc := range map[string]struct {
		c           check.Scale
		v, expected float64
		want        float64 // the power, 0 for nothing found
	}{
		"usual":              {c, 120, 100, 0},
		"kilo":               {c, 100000, 100, 1000},
		"kilo, at its peak":  {c, 220000, 100, 1000},
		"milli":              {c, 0.05, 100, 0.001},
		"mega":               {c, 1e8, 100, 1e6},
		"ten times":          {c, 1000, 100, 0},
		"a hundred times":    {c, 10000, 100, 0},
		"nothing is known":   {c, 1000, 0, 0},
		"a billion times":    {c, 1e11, 100, 0},
		"switched off":       {check.Scale{}, 100000, 100, 0},
		"negative":           {c, -100000, 100, 0},
		"just outside slack": {c, 230000, 100, 0},
	} {
		f, found := tc.c.Check(tc.v, tc.expected)
		if found != (tc.want != 0) || found && f.Threshold != tc.want {
			t.Errorf("%s: %+v, %v; want the power %g", title, f, found, tc.want)
		}
	}
}

// times returns observations so many minutes after noon.
func times(minutes ...int) (obs []series.Observation) {
	for i, m := range minutes {
		obs = append(obs, series.Observation{TS: noon().Add(time.Duration(m) * time.Minute), Value: float64(i)})
	}
	return obs
}

func TestOrdered(t *testing.T) {
	t.Parallel()
	for title, tc := range map[string]struct {
		obs []series.Observation
		at  int // index of the point named, 0 for nothing
	}{
		"forward":         {times(0, 60, 120), 0},
		"backward":        {times(120, 60, 0), 0},
		"twice, forward":  {times(0, 60, 60, 120), 0},
		"mixed":           {times(0, 120, 60, 180), 2},
		"a page repeated": {times(0, 60, 120, 0, 60, 120), 3},
		"empty":           {nil, 0},
	} {
		if f, at, found := check.Ordered(tc.obs); found != (tc.at > 0) || at != tc.at {
			t.Errorf("%s: %+v at %d, want %d", title, f, at, tc.at)
		}
	}
}

func TestSpacing(t *testing.T) {
	t.Parallel()
	c := check.Spacing{Need: 4}
	for title, tc := range map[string]struct {
		c    check.Spacing
		obs  []series.Observation
		want check.Name
	}{
		"hourly":        {c, times(0, 60, 120, 180), ""},
		"two-hourly":    {c, times(0, 120, 240, 360), check.Frequency},
		"quarter hours": {c, times(0, 15, 30, 45), check.Frequency},
		"one hole":      {c, times(0, 60, 180, 240), ""},
		"begins odd":    {c, times(0, 120, 180, 240), ""},
		"too few":       {c, times(0, 120, 240), ""},
		"switched off":  {check.Spacing{}, times(0, 120, 240, 360), ""},
	} {
		if got := name(tc.c.Check(tc.obs, time.Hour)); got != tc.want {
			t.Errorf("%s: %q, want %q", title, got, tc.want)
		}
	}
}

func TestKnown(t *testing.T) {
	t.Parallel()
	id := series.ID{Source: "eia", Key: "PJM"}
	if why, bad := (check.Known{}).Check(id); bad {
		t.Errorf("no list refuses %s: %s", id, why)
	}
	if why, bad := (check.Known{Series: map[string]bool{"eia.PJM": true}}).Check(id); bad {
		t.Errorf("its list refuses %s: %s", id, why)
	}
	if _, bad := (check.Known{Series: map[string]bool{"eia.PJN": true}}).Check(id); !bad {
		t.Error("a series that is not on the list was welcome")
	}
}

// In New York clocks are put forward at 2024-03-10 07:00 UTC and back at 2024-11-03 06:00 UTC.
func TestDaylight(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	clock, utc := check.NewClock(zone), check.NewClock(nil)
	c := check.Daylight{Within: time.Hour, Slack: 0.35}
	spring := time.Date(2024, 3, 10, 7, 0, 0, 0, time.UTC)
	autumn := time.Date(2024, 11, 3, 6, 0, 0, 0, time.UTC)
	summer := time.Date(2024, 7, 3, 6, 0, 0, 0, time.UTC)
	for title, tc := range map[string]struct {
		got, want check.Name
	}{
		"lost in spring":          {name(c.Lost(&clock, spring.Add(time.Hour), 1, time.Hour)), check.DST},
		"lost the hour before":    {name(c.Lost(&clock, spring, 1, time.Hour)), check.DST},
		"lost in summer":          {name(c.Lost(&clock, summer, 1, time.Hour)), ""},
		"lost in a zone that is":  {name(c.Lost(&utc, spring, 1, time.Hour)), ""},
		"two lost":                {name(c.Lost(&clock, spring, 2, time.Hour)), ""},
		"four quarters lost":      {name(c.Lost(&clock, autumn, 4, 15*time.Minute)), check.DST},
		"twice in autumn":         {name(c.Twice(&clock, autumn, 5, 6)), check.DST},
		"twice the same":          {name(c.Twice(&clock, autumn, 5, 5)), ""},
		"twice in summer":         {name(c.Twice(&clock, summer, 5, 6)), ""},
		"a sum in autumn":         {name(c.Summed(&clock, autumn, 195, 100)), check.DST},
		"a sum in spring":         {name(c.Summed(&clock, spring, 195, 100)), ""},
		"a sum in summer":         {name(c.Summed(&clock, summer, 195, 100)), ""},
		"usual in autumn":         {name(c.Summed(&clock, autumn, 130, 100)), ""},
		"nothing is known":        {name(c.Summed(&clock, autumn, 195, 0)), ""},
		"three hours after":       {name(c.Twice(&clock, autumn.Add(3*time.Hour), 5, 6)), ""},
		"switched off, in autumn": {name(check.Daylight{}.Twice(&clock, autumn, 5, 6)), ""},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %q, want %q", title, tc.got, tc.want)
		}
	}
}

// TestClock compares the hour of the week with that of package time, across the moves of clocks of four zones.
func TestClock(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		clock := check.NewClock(zone)
		for i := range 3 * 8766 {
			at := time.Date(1969, 1, 1, 0, 30, 0, 0, time.UTC).Add(time.Duration(i*7) * time.Hour)
			local := at.In(zone)
			want := (int(local.Weekday())+6)%7*24 + local.Hour()
			if got := clock.Hour(at.Unix()); got != want {
				t.Fatalf("%s: hour of the week of %s is %d, want %d", name, local, got, want)
			}
		}
	}
}

// values is a record of hourly values from noon on.
func values(v ...float64) check.Lookup {
	return func(ts time.Time) float64 {
		i := int(ts.Sub(noon()) / time.Hour)
		if i < 0 || i >= len(v) {
			return math.NaN()
		}
		return v[i]
	}
}

func reported(from int, v ...float64) (obs []series.Observation) {
	for i, x := range v {
		obs = append(obs, series.Observation{TS: noon().Add(time.Duration(from+i) * time.Hour), Value: x})
	}
	return obs
}

func TestRelabel(t *testing.T) {
	t.Parallel()
	c := check.Relabel{Need: 3, Share: 0.8, Most: 4}
	known := values(1, 2, 3, 4, 5, 6, 7, 8)
	for title, tc := range map[string]struct {
		c    check.Relabel
		obs  []series.Observation
		want float64 // steps moved, 0 for nothing
	}{
		"as recorded":        {c, reported(0, 1, 2, 3, 4, 5), 0},
		"new points":         {c, reported(8, 9, 10, 11, 12), 0},
		"one hour late":      {c, reported(1, 1, 2, 3, 4, 5, 6), 1},
		"two hours early":    {c, reported(0, 3, 4, 5, 6, 7, 8), -2},
		"honest revisions":   {c, reported(1, 2.5, 3.1, 4.2, 5.3), 0},
		"too few":            {c, reported(1, 1, 2), 0},
		"farther than looks": {c, reported(5, 0.5, 1, 2), 0},
		"switched off":       {check.Relabel{}, reported(1, 1, 2, 3, 4, 5, 6), 0},
	} {
		f, found := tc.c.Moved(tc.obs, time.Hour, known)
		if found != (tc.want != 0) || f.Observed != tc.want {
			t.Errorf("%s: %+v, %v; want moved by %g", title, f, found, tc.want)
		}
	}
	other := values(10, 20, 30, 40, 50)
	if _, found := c.Mistaken(reported(0, 10, 20, 30, 40), known, series.ID{}, other); !found {
		t.Error("values of another series were not found")
	}
	if f, found := c.Mistaken(reported(0, 1, 2, 3, 41), known, series.ID{}, other); found {
		t.Errorf("its own values were taken for those of another: %+v", f)
	}
}

func TestAmountAndAge(t *testing.T) {
	t.Parallel()
	amount, age := check.Amount{Factor: 3, Slack: 3, Need: 3}, check.Age{Factor: 3, Slack: 3 * time.Hour, Need: 3}
	var a check.Amounts
	var g check.Ages
	for i, tc := range []struct {
		n     int
		age   time.Duration
		a, ge check.Name
	}{
		{2, 9 * time.Hour, "", ""}, // nothing is usual yet
		{24, time.Hour, "", ""},
		{24, time.Hour, "", ""},
		{24, 2 * time.Hour, "", ""},
		{5, 20 * time.Hour, check.Volume, check.Freshness},
		{90, time.Hour, check.Volume, ""},
		{20, 5 * time.Hour, "", ""},
	} {
		if got := name(amount.Check(&a, 7, tc.n)); got != tc.a {
			t.Errorf("step %d: %d points: %q, want %q", i, tc.n, got, tc.a)
		}
		if got := name(age.Check(&g, tc.age)); got != tc.ge {
			t.Errorf("step %d: %s old: %q, want %q", i, tc.age, got, tc.ge)
		}
	}
	if got := name(amount.Check(&a, 8, 1)); got != "" {
		t.Errorf("another hour of the week has habits of its own: %q", got)
	}
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	c := check.Quiet{Factor: 6, Least: 3 * time.Hour, Need: 5}
	var r check.Rhythm
	at := noon()
	for range 10 {
		c.Heard(&r, at)
		at = at.Add(time.Hour)
	}
	last := at.Add(-time.Hour)
	for _, tc := range []struct {
		after time.Duration
		want  check.Name
	}{{5 * time.Hour, ""}, {6 * time.Hour, ""}, {7 * time.Hour, check.Silence}, {9 * time.Hour, ""}} {
		if got := name(c.Check(&r, "eia", last.Add(tc.after))); got != tc.want {
			t.Errorf("silent for %s: %q, want %q (and once only)", tc.after, got, tc.want)
		}
	}
	if !c.Heard(&r, last.Add(10*time.Hour)) || c.Heard(&r, last.Add(11*time.Hour)) {
		t.Error("want the end of the silence to be told once")
	}
	var young check.Rhythm
	c.Heard(&young, noon())
	if got := name(c.Check(&young, "new", noon().AddDate(0, 0, 9))); got != "" {
		t.Errorf("a source of unknown rhythm is %q", got)
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	c := check.Whole{Share: 0.1}
	s := check.Sums{Step: 3600, Count: 2}
	at := noon().Unix()
	steps := []struct {
		got, want check.Name
	}{
		{name(s.Part(c, at, 40)), ""},
		{name(s.Total(c, at, 100)), ""}, // one part is missing still
		{name(s.Part(c, at, 55)), ""},   // 95 is within a tenth
		{name(s.Total(c, at+3600, 100)), ""},
		{name(s.Part(c, at+3600, 40)), ""},
		{name(s.Part(c, at+3600, 40)), check.Parts},
		{name(s.Part(c, at, 1)), ""}, // three parts of two: not judged again
		{name(s.Part(c, at+48*3600, 50)), ""},
		{name(s.Part(c, at, 50)), ""}, // its place has gone to a newer point
	}
	for i, step := range steps {
		if step.got != step.want {
			t.Errorf("step %d: %q, want %q", i, step.got, step.want)
		}
	}
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	c := check.Breaker{Share: 0.5, Clear: 0.1}
	var b check.Broken
	when := func(kept bool) (opened, closed int) {
		for i := 1; i <= 200; i++ {
			b.Judge(kept)
			o, cl := c.Check(&b)
			if o {
				opened = i
			}
			if cl {
				closed = i
			}
		}
		return opened, closed
	}
	// Half is forgotten after 24 points: (1-1/35)^24 = 0.499; 0.1 is left of nearly 1 after ln(10)/ln(35/34) = 79.4.
	if opened, closed := when(true); opened != 24 || closed != 0 {
		t.Errorf("opened with point %d, closed with %d; want 24 and never", opened, closed)
	}
	if opened, closed := when(false); opened != 0 || closed != 80 {
		t.Errorf("opened with point %d, closed with %d; want never and 80", opened, closed)
	}
}
