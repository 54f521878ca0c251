package validatebench

import (
	"context"
	"slices"
	"sync"

	"github.com/bellwether-forecast/bellwether/libs/check"
	"github.com/bellwether-forecast/bellwether/libs/record"
)

// agreement counts hours of the raw file by the category that the offline screening gave them.
type agreement struct{ n, quarantined, flagged int }

func (a agreement) remarked() int { return a.quarantined + a.flagged }

// silent are the checks that say nothing against a value: they speak of its neighbours, its time or its history.
func silent(name string) bool {
	return slices.Contains([]check.Name{
		check.Gap, check.Late, check.Revision, check.Outdated, check.Duplicate, check.Volume, check.Freshness, check.Order, check.DST, check.Frequency,
	}, check.Name(name))
}

// agree plays the measured years as they were published, and compares verdicts with the screening.
func agree(ctx context.Context, data []*demand) (map[string]agreement, error) {
	var mu sync.Mutex
	all := map[string]agreement{}
	err := each(ctx, data, func(ctx context.Context, i int) error {
		p, err := newPlay(data, i, 0)
		if err != nil {
			return err
		}
		mine, err := p.agree(ctx)
		mu.Lock()
		defer mu.Unlock()
		for k, a := range mine {
			b := all[k]
			all[k] = agreement{b.n + a.n, b.quarantined + a.quarantined, b.flagged + a.flagged}
		}
		return err
	})
	return all, err
}

func (p *play) agree(ctx context.Context) (map[string]agreement, error) {
	out := map[string]agreement{}
	for first := p.d.index(measured()); first+24 <= len(p.d.hours); first += 24 {
		rows, err := p.tell(ctx, p.d.batch(first, 24, func(h hour) float64 { return h.raw }))
		if err != nil {
			return out, err
		}
		said := map[int]string{} // the first verdict on an hour is what was known at the time
		for _, row := range rows {
			v, ok := row.(record.Verdict)
			i := p.d.index(v.TS)
			if !ok || i < first || i >= first+24 {
				continue
			}
			remark := v.Outcome
			if remark == check.Flag.String() && !slices.ContainsFunc(v.Checks, func(c string) bool { return !silent(c) }) {
				remark = check.Pass.String()
			}
			said[i] = remark
		}
		for i := first; i < first+24; i++ {
			a := out[p.d.hours[i].category]
			a.n++
			switch said[i] {
			case check.Quarantine.String():
				a.quarantined++
			case check.Flag.String():
				a.flagged++
			}
			out[p.d.hours[i].category] = a
		}
	}
	return out, nil
}
