package model

import (
	"slices"
	"strings"
	"time"
)

// usZone reports whether loc is a time zone of the United States, by its IANA name.
func usZone(loc *time.Location) bool {
	name := loc.String()
	if strings.HasPrefix(name, "US/") || strings.HasPrefix(name, "America/Indiana/") ||
		strings.HasPrefix(name, "America/Kentucky/") || strings.HasPrefix(name, "America/North_Dakota/") {
		return true
	}
	return slices.Contains([]string{
		"America/New_York", "America/Detroit", "America/Chicago", "America/Denver", "America/Boise",
		"America/Phoenix", "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu",
	}, name)
}

// usHoliday reports whether the day, counted from 1970-01-01, is a federal holiday on which most of the United States
// does not work: New Year's Day, Memorial Day, Independence Day, Labor Day, Thanksgiving and the day after it,
// Christmas Eve and Christmas Day. A holiday on a Saturday or Sunday is kept on the Friday or Monday beside it as well
// (5 U.S.C. 6103). The others of the eleven federal holidays hardly show in demand and are left out.
func usHoliday(day int64) bool {
	t := time.Unix(day*daySeconds, 0).UTC()
	if fixedHoliday(t) {
		return true
	}
	switch t.Weekday() {
	case time.Monday:
		if fixedHoliday(t.AddDate(0, 0, -1)) {
			return true
		}
	case time.Friday:
		if fixedHoliday(t.AddDate(0, 0, 1)) {
			return true
		}
	}
	return movableHoliday(t)
}

// fixedHoliday reports the holidays that have a date.
func fixedHoliday(t time.Time) bool {
	switch t.Month() {
	case time.January:
		return t.Day() == 1
	case time.July:
		return t.Day() == 4
	case time.December:
		return t.Day() == 24 || t.Day() == 25
	}
	return false
}

// movableHoliday reports the holidays that have a weekday: the last Monday of May, the first Monday of September, the
// fourth Thursday of November and the Friday after it.
func movableHoliday(t time.Time) bool {
	d := t.Day()
	switch t.Month() {
	case time.May:
		return t.Weekday() == time.Monday && d > 24
	case time.September:
		return t.Weekday() == time.Monday && d <= 7
	case time.November:
		return t.Weekday() == time.Thursday && d >= 22 && d <= 28 ||
			t.Weekday() == time.Friday && d >= 23 && d <= 29
	}
	return false
}
