package bench

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bellwether-forecast/bellwether/libs/series"
)

// Set is the part of a forecasting competition that has one frequency.
type Set struct {
	Name    string
	Season  int // seasonal period, and that of the scale of MASE
	Horizon int
	Tasks   []Task
}

// Task is one series of a competition: what was handed out, and what came after it.
type Task struct {
	ID    string
	Train []float64
	Test  []float64
}

// start is where series without dates are put: a Monday, so that weeks of the index are weeks of the calendar.
func start() time.Time { return time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC) }

// Series returns values on a grid. Competition series have no dates; seasons are counted from the first value.
func Series(values []float64, step time.Duration) series.Series {
	return series.Series{ID: series.ID{Source: "bench", Key: "x"}, Start: start(), Step: step, Values: values}
}

// M4 reads the training and test part of M4 "hourly" (m = 24, h = 48) or "weekly" (m = 1, h = 13).
func M4(frequency string) (Set, error) {
	set := map[string]Set{
		"hourly": {Name: "M4 Hourly", Season: 24, Horizon: 48},
		"weekly": {Name: "M4 Weekly", Season: 1, Horizon: 13},
	}[frequency]
	if set.Name == "" {
		return Set{}, fmt.Errorf("bench: M4 frequency %q is neither hourly nor weekly", frequency)
	}
	index := map[string]int{}
	err := rows("m4_"+frequency+"_train.csv.gz", func(f []string) error {
		if len(f) != 2 {
			return errors.New("want 2 fields")
		}
		values, err := numbers(f[1])
		index[f[0]] = len(set.Tasks)
		set.Tasks = append(set.Tasks, Task{ID: f[0], Train: values})
		return err
	})
	if err != nil {
		return Set{}, err
	}
	err = rows("m4_"+frequency+"_test.csv.gz", func(f []string) error {
		i, known := index[f[0]]
		if len(f) != 2 || !known {
			return fmt.Errorf("no training part of %q", f[0])
		}
		values, err := numbers(f[1])
		set.Tasks[i].Test = values
		return err
	})
	return set, err
}

// M3 reads the M3 competition by frequency: yearly, quarterly, monthly and other.
func M3() ([]Set, error) {
	sets := []Set{
		{Name: "M3 YEARLY", Season: 1, Horizon: 6},
		{Name: "M3 QUARTERLY", Season: 4, Horizon: 8},
		{Name: "M3 MONTHLY", Season: 12, Horizon: 18},
		{Name: "M3 OTHER", Season: 1, Horizon: 8},
	}
	err := rows("m3_all.csv.gz", func(f []string) error {
		if len(f) != 9 {
			return errors.New("want 9 fields")
		}
		for i := range sets {
			if sets[i].Name != "M3 "+f[2] {
				continue
			}
			if h, err := strconv.Atoi(f[6]); err != nil || h != sets[i].Horizon {
				return fmt.Errorf("horizon %q of %s", f[6], f[2])
			}
			train, err := numbers(f[7])
			if err != nil {
				return err
			}
			test, err := numbers(f[8])
			if err != nil {
				return err
			}
			sets[i].Tasks = append(sets[i].Tasks, Task{ID: f[0], Train: train, Test: test})
			return nil
		}
		return fmt.Errorf("period type %q", f[2])
	})
	return sets, err
}
