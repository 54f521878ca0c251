package benchalerts

import (
	"context"
	"fmt"
	"strings"
)

// difference plays one random story and returns how what the monitor said differs from what it should, or "".
func difference(ctx context.Context, seed uint64) (diff string, told int, err error) {
	s := randomSchedule(seed)
	x, err := s.scenario()
	if err != nil {
		return "", 0, err
	}
	x.Want = specify(s)
	got, err := x.Play(ctx, nil)
	if err != nil {
		return "", 0, fmt.Errorf("seed %d: %w", seed, err)
	}
	lines := x.Differences(got)
	if p := broken(got.Told); p != "" {
		lines = append(lines, p)
	}
	if len(lines) == 0 {
		return "", len(got.Told), nil
	}
	return fmt.Sprintf("seed %d:\n%s", seed, strings.Join(lines, "\n")), len(got.Told), nil
}

// broken says which promise a history breaks that holds of every history: an alert is told firing and resolved in turn.
func broken(told []string) string {
	standing := map[string]bool{}
	for _, line := range told {
		parts := strings.SplitN(line, " ", 3)
		i := strings.LastIndex(parts[2], " ")
		about, state := parts[2][:i], parts[2][i+1:]
		switch state {
		case "firing", "flapping":
			if standing[about] {
				return line + ": told twice without an end between"
			}
			standing[about] = true
		case "resolved":
			if !standing[about] {
				return line + ": the end of what nobody was told of"
			}
			delete(standing, about)
		}
	}
	return ""
}
