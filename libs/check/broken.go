package check

// Breaker says that a series as a whole cannot be trusted now, when too much of it is kept back: then nothing should
// be trained on what is left.
type Breaker struct {
	Share float64 // of the points judged lately that are kept back; 0 means never
	Clear float64 // share at which it is over
}

// Broken is the share of points kept back lately, each judged point fading by half within a day of hours.
type Broken struct {
	Share float64
	Open  int32 // 1 while the series counts as broken
}

const brokenFade = 1.0 / 35 // half is forgotten after 24 points

// Judge learns that a point was kept back or not.
func (b *Broken) Judge(kept bool) {
	v := 0.0
	if kept {
		v = 1
	}
	b.Share += brokenFade * (v - b.Share)
}

// Check reports whether the series broke or became whole with the points judged last.
func (c Breaker) Check(b *Broken) (opened, closed bool) {
	switch {
	case c.Share > 0 && b.Open == 0 && b.Share >= c.Share:
		b.Open = 1
		return true, false
	case b.Open == 1 && b.Share <= c.Clear:
		b.Open = 0
		return false, true
	}
	return false, false
}
