package window_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bellwether-forecast/bellwether/services/monitor/internal/window"
)

// The oracle is the calendar: 2026-11-28 is a Saturday; New York left summer time on 2026-11-01 at 06:00 UTC.
func TestContains(t *testing.T) {
	night := window.Window{Times: []string{"22:00-06:00"}, Weekdays: []string{"friday"}}
	for name, tc := range map[string]struct {
		w    window.Window
		at   string
		want bool
	}{
		"always":                                {window.Window{}, "2026-11-28T00:00:00Z", true},
		"first minute":                          {window.Window{Times: []string{"09:00-17:00"}}, "2026-11-28T09:00:00Z", true},
		"last minute":                           {window.Window{Times: []string{"09:00-17:00"}}, "2026-11-28T16:59:59Z", true},
		"end":                                   {window.Window{Times: []string{"09:00-17:00"}}, "2026-11-28T17:00:00Z", false},
		"until midnight":                        {window.Window{Times: []string{"09:00-24:00"}}, "2026-11-28T23:59:59Z", true},
		"two spans":                             {window.Window{Times: []string{"01:00-02:00", "03:00-04:00"}}, "2026-11-28T03:30:00Z", true},
		"weekday":                               {window.Window{Weekdays: []string{"Saturday"}}, "2026-11-28T12:00:00Z", true},
		"weekday of a range":                    {window.Window{Weekdays: []string{"friday-sunday"}}, "2026-11-28T12:00:00Z", true},
		"a range over the week's end":           {window.Window{Weekdays: []string{"saturday-monday"}}, "2026-11-30T12:00:00Z", true},
		"not the weekday":                       {window.Window{Weekdays: []string{"monday-friday"}}, "2026-11-28T12:00:00Z", false},
		"night: evening":                        {night, "2026-11-27T22:00:00Z", true},
		"night: morning belongs to the evening": {night, "2026-11-28T05:59:00Z", true},
		"night: the evening after":              {night, "2026-11-28T22:00:00Z", false},
		"night: the morning before":             {night, "2026-11-27T05:00:00Z", false},
		"zone":                                  {window.Window{Times: []string{"07:00-08:00"}, Zone: "America/New_York"}, "2026-11-28T12:30:00Z", true},
		"zone in summer":                        {window.Window{Times: []string{"08:00-09:00"}, Zone: "America/New_York"}, "2026-10-28T12:30:00Z", true},
		"day of the month":                      {window.Window{Days: []int{28}}, "2026-11-28T12:00:00Z", true},
		"last day":                              {window.Window{Days: []int{-1}}, "2026-11-30T12:00:00Z", true},
		"not the last day":                      {window.Window{Days: []int{-1}}, "2026-11-29T12:00:00Z", false},
		"month":                                 {window.Window{Months: []int{11, 12}}, "2026-11-28T12:00:00Z", true},
		"not the month":                         {window.Window{Months: []int{1}}, "2026-11-28T12:00:00Z", false},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := window.Compile(tc.w)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, tc.at)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Contains(at); got != tc.want {
				t.Errorf("contains %s: %t, want %t", tc.at, got, tc.want)
			}
		})
	}
}

func TestCompileNamesEveryBadField(t *testing.T) {
	_, err := window.Compile(window.Window{
		Times: []string{"9-17", "10:00-10:00", "24:00-25:00"}, Weekdays: []string{"caturday", "monday-"}, Days: []int{0, 32}, Months: []int{13}, Zone: "Mars/Olympus",
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"9-17"`, `"10:00-10:00"`, `"24:00-25:00"`, `"caturday"`, `"monday-"`, "days: 0", "days: 32", "months: 13", "Mars/Olympus"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named in:\n%v", want, err)
		}
	}
}
