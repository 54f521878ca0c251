package model

import (
	"testing"
	"time"
)

// TestSlots compares with the time package's own calendar, point by point over two years.
func TestSlots(t *testing.T) {
	for _, zone := range []string{"UTC", "America/New_York", "America/Phoenix", "Asia/Kolkata", "Australia/Lord_Howe", "Europe/London"} {
		for _, step := range []time.Duration{15 * time.Minute, time.Hour, 24 * time.Hour} {
			t.Run(zone+" "+step.String(), func(t *testing.T) {
				loc, err := time.LoadLocation(zone)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Date(1969, 6, 1, 0, 0, 0, 0, time.UTC) // through the epoch, where days turn negative
				if step < 24*time.Hour {
					start = time.Date(2021, 12, 30, 5, 0, 0, 0, time.UTC)
				}
				n := int(2 * 365 * 24 * time.Hour / step)
				for i, s := range slots(start, step, n, loc) {
					local := start.Add(time.Duration(i) * step).In(loc)
					midnight := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute
					if want := int(midnight / step); s.ofDay != want {
						t.Fatalf("%s: slot %d, want %d", local, s.ofDay, want)
					}
					if want := int(local.Weekday()); s.weekday != want {
						t.Fatalf("%s: weekday %d, want %d", local, s.weekday, want)
					}
				}
			})
		}
	}
}

// TestSlotsAtClockChange counts the hours of the two short and long days in New York.
func TestSlotsAtClockChange(t *testing.T) {
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		day   time.Time
		hour  int // the one that is left out, or comes twice
		times int
	}{
		"spring": {time.Date(2022, 3, 13, 0, 0, 0, 0, loc), 2, 0},
		"autumn": {time.Date(2022, 11, 6, 0, 0, 0, 0, loc), 1, 2},
		"other":  {time.Date(2022, 6, 6, 0, 0, 0, 0, loc), 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			n := int(tc.day.AddDate(0, 0, 1).Sub(tc.day) / time.Hour)
			times := 0
			for _, s := range slots(tc.day.UTC(), time.Hour, n, loc) {
				if s.ofDay == tc.hour {
					times++
				}
			}
			if times != tc.times {
				t.Errorf("hour %d comes %d times in %d hours, want %d", tc.hour, times, n, tc.times)
			}
		})
	}
}

// TestHolidays compares with the dates the US Office of Personnel Management published for 2021 to 2023, without the
// holidays that are left out and with the days beside Thanksgiving and Christmas.
func TestHolidays(t *testing.T) {
	want := map[string]bool{}
	for _, day := range []string{
		"2021-01-01", "2021-05-31", "2021-07-04", "2021-07-05", "2021-09-06", "2021-11-25", "2021-11-26", "2021-12-24", "2021-12-25", "2021-12-31",
		"2022-01-01", "2022-05-30", "2022-07-04", "2022-09-05", "2022-11-24", "2022-11-25", "2022-12-23", "2022-12-24", "2022-12-25", "2022-12-26",
		"2023-01-01", "2023-01-02", "2023-05-29", "2023-07-04", "2023-09-04", "2023-11-23", "2023-11-24", "2023-12-24", "2023-12-25",
	} {
		want[day] = true
	}
	for day := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2024; day = day.AddDate(0, 0, 1) {
		name := day.Format(time.DateOnly)
		if got := usHoliday(day.Unix() / daySeconds); got != want[name] {
			t.Errorf("%s: holiday is %t, want %t", name, got, want[name])
		}
	}
}

func TestHolidaysOnlyInUS(t *testing.T) {
	for name, want := range map[string]bool{
		"America/Chicago": true, "America/Indiana/Knox": true, "Pacific/Honolulu": true,
		"America/Toronto": false, "Europe/Berlin": false, "UTC": false,
	} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		july4 := slots(time.Date(2022, 7, 4, 18, 0, 0, 0, time.UTC), time.Hour, 1, loc)[0]
		if july4.holiday != want {
			t.Errorf("%s: 4 July is a holiday: %t, want %t", name, july4.holiday, want)
		}
	}
}
