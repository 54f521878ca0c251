package bellwether

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bellwether-forecast/bellwether/services/monitor"
)

// Rules is about files of alert rules.
type Rules struct {
	Check   RulesCheck   `cmd:"" help:"Report everything that is wrong with a rules file."`
	Test    RulesTest    `cmd:"" help:"Play scenarios on a virtual clock: what happens, and what must be told."`
	Default RulesDefault `cmd:"" help:"Print the rules file that says what the monitor does without one."`
}

// RulesCheck checks a rules file.
type RulesCheck struct {
	File string `arg:"" help:"The rules file." type:"existingfile"`
}

// Run implements the command.
func (c *RulesCheck) Run(out Output) error {
	data, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	if err := monitor.CheckRules(data); err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	fmt.Fprintf(out.Out, "%s: rules, routes and receivers are as they should be\n", c.File)
	return nil
}

// RulesTest plays scenarios.
type RulesTest struct {
	Files []string `arg:"" help:"Files of scenarios. rules_file names the rules beside it that they are about, the defaults when not given." type:"existingfile"`
	Only  string   `name:"run" help:"Only scenarios whose name contains this." placeholder:"TEXT"`
}

// Run implements the command.
func (r *RulesTest) Run(ctx context.Context, out Output) error {
	played, failed := 0, 0
	for _, name := range r.Files {
		file, rules, err := readScenarios(name)
		if err != nil {
			return err
		}
		for _, s := range file.Scenarios {
			if !strings.Contains(s.Name, r.Only) {
				continue
			}
			played++
			got, err := s.Play(ctx, rules)
			diff := s.Differences(got)
			if err != nil {
				diff = []string{err.Error()}
			}
			if len(diff) > 0 {
				failed++
				fmt.Fprintf(out.Out, "FAIL %s\n%s\n", s.Name, strings.Join(diff, "\n"))
			}
		}
	}
	fmt.Fprintf(out.Out, "rules_test: scenarios=%d failed=%d\n", played, failed)
	if failed > 0 {
		return fmt.Errorf("%d of %d scenarios failed", failed, played)
	}
	return nil
}

func readScenarios(name string) (monitor.Scenarios, []byte, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return monitor.Scenarios{}, nil, err
	}
	file, err := monitor.ReadScenarios(data)
	if err != nil {
		return file, nil, fmt.Errorf("%s: %w", name, err)
	}
	if file.Rules == "" {
		return file, nil, nil
	}
	path := filepath.Join(filepath.Dir(name), file.Rules)
	rules, err := os.ReadFile(path)
	if err == nil {
		if err = monitor.CheckRules(rules); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	return file, rules, err
}

// RulesDefault prints the default rules.
type RulesDefault struct{}

// Run implements the command.
func (*RulesDefault) Run(out Output) error {
	_, err := out.Out.Write(monitor.DefaultRules())
	return err
}
