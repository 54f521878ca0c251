package natsio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellwether-forecast/bellwether/libs/wire"
)

// ProvisionOptions say how to provision a bus.
type ProvisionOptions struct {
	DryRun   bool // report what would change, and change nothing
	Replicas int  // copies of each stream, 1 to 5; 0 means 1
	// Schedules are put in place after the streams; others stay as they are.
	Schedules []Schedule
}

// Change is one thing that Provision created or updated, or would have.
type Change struct {
	Kind   string // "stream", "bucket", "object store" or "schedule"
	Name   string
	Action string // "create" or "update"
	Detail string // of an update: the settings that differ, "max_age 72h0m0s -> 336h0m0s"
}

// String returns c on one line.
func (c Change) String() string {
	return strings.TrimSpace(c.Action + " " + c.Kind + " " + c.Name + " " + c.Detail)
}

// Provision makes the streams and buckets of b what Layout says. It deletes nothing but what shrunken limits drop, and
// leaves settings alone that Layout does not know. Doing it twice changes nothing the second time.
func Provision(ctx context.Context, b *Bus, opts ProvisionOptions) ([]Change, error) {
	replicas := max(opts.Replicas, 1)
	if replicas > 5 {
		return nil, fmt.Errorf("provision: %d replicas, the bus allows 1 to 5", replicas)
	}
	p := provisioner{bus: b, replicas: replicas, dryRun: opts.DryRun}
	streams, buckets := Layout()
	for _, s := range streams {
		if err := p.stream(ctx, s); err != nil {
			return p.changes, fmt.Errorf("provision: %w", err)
		}
	}
	for _, k := range buckets {
		if err := p.bucket(ctx, k); err != nil {
			return p.changes, fmt.Errorf("provision: %w", err)
		}
	}
	for _, s := range opts.Schedules {
		if err := p.schedule(ctx, s); err != nil {
			return p.changes, fmt.Errorf("provision: %w", err)
		}
	}
	return p.changes, nil
}

type provisioner struct {
	bus      *Bus
	replicas int
	dryRun   bool
	changes  []Change
}

func (p *provisioner) stream(ctx context.Context, s Stream) error {
	want, change, err := p.bus.planStream(ctx, s, p.replicas)
	if err != nil || change == nil {
		return err
	}
	if !p.dryRun {
		if _, err := p.bus.js.CreateOrUpdateStream(ctx, want); err != nil {
			return fmt.Errorf("%s: %w", change, err)
		}
	}
	p.changes = append(p.changes, *change)
	return nil
}

func (p *provisioner) bucket(ctx context.Context, k Bucket) error {
	change, err := p.bus.planBucket(ctx, k, p.replicas)
	if err != nil || change == nil {
		return err
	}
	if !p.dryRun {
		if err := p.bus.putBucket(ctx, k, p.replicas); err != nil {
			return fmt.Errorf("%s: %w", change, err)
		}
	}
	p.changes = append(p.changes, *change)
	return nil
}

// planStream returns the configuration s shall have, and how it differs from what is; nil when it does not.
func (b *Bus) planStream(ctx context.Context, s Stream, replicas int) (jetstream.StreamConfig, *Change, error) {
	old, err := b.js.Stream(ctx, s.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		cfg := s.config(jetstream.StreamConfig{}, replicas)
		if s.Async && replicas == 1 {
			cfg.PersistMode = jetstream.AsyncPersistMode // fixed for the life of the stream
		}
		return cfg, &Change{Kind: "stream", Name: s.Name, Action: "create"}, nil
	}
	if err != nil {
		return jetstream.StreamConfig{}, nil, fmt.Errorf("look up stream %s: %w", s.Name, err)
	}
	have := old.CachedInfo().Config
	want := s.config(have, replicas)
	if detail := differences(have, want); detail != "" {
		return want, &Change{Kind: "stream", Name: s.Name, Action: "update", Detail: detail}, nil
	}
	return want, nil, nil
}

// config returns base with the settings of s.
func (s Stream) config(base jetstream.StreamConfig, replicas int) jetstream.StreamConfig {
	base.Name = s.Name
	base.Description = s.Description
	base.Subjects = s.Subjects
	base.MaxAge = s.MaxAge
	base.MaxBytes = s.MaxBytes
	base.Duplicates = s.Duplicates
	base.Storage = jetstream.FileStorage
	base.Replicas = replicas
	base.AllowDirect = true
	base.AllowAtomicPublish = s.Atomic
	base.AllowMsgSchedules = s.Schedules
	base.AllowMsgTTL = s.Schedules
	base.MaxMsgsPerSubject = s.MaxPerSubject
	if s.MaxPerSubject == 0 {
		base.MaxMsgsPerSubject = -1
	}
	base.Retention = jetstream.LimitsPolicy
	if s.WorkQueue {
		base.Retention = jetstream.WorkQueuePolicy
	}
	base.Discard = jetstream.DiscardOld
	if s.DiscardNew {
		base.Discard = jetstream.DiscardNew
	}
	base.DiscardNewPerSubject = s.DiscardNew && s.MaxPerSubject > 0
	base.SubjectTransform = nil
	if t := s.Partitioned; t != (Transform{}) {
		base.SubjectTransform = &jetstream.SubjectTransformConfig{Source: t.From, Destination: t.To}
	}
	return base
}

func differences(have, want jetstream.StreamConfig) string {
	var diffs []string
	add := func(name string, h, w any) {
		if hs, ws := fmt.Sprint(h), fmt.Sprint(w); hs != ws {
			diffs = append(diffs, fmt.Sprintf("%s %s -> %s", name, hs, ws))
		}
	}
	add("description", have.Description, want.Description)
	add("subjects", have.Subjects, want.Subjects)
	add("retention", have.Retention, want.Retention)
	add("max_age", have.MaxAge, want.MaxAge)
	add("max_bytes", have.MaxBytes, want.MaxBytes)
	add("max_msgs_per_subject", have.MaxMsgsPerSubject, want.MaxMsgsPerSubject)
	add("duplicate_window", have.Duplicates, want.Duplicates)
	add("discard", have.Discard, want.Discard)
	add("discard_new_per_subject", have.DiscardNewPerSubject, want.DiscardNewPerSubject)
	add("num_replicas", have.Replicas, want.Replicas)
	add("allow_direct", have.AllowDirect, want.AllowDirect)
	add("allow_atomic", have.AllowAtomicPublish, want.AllowAtomicPublish)
	add("allow_msg_schedules", have.AllowMsgSchedules, want.AllowMsgSchedules)
	add("subject_transform", transform(have), transform(want))
	return strings.Join(diffs, ", ")
}

func transform(c jetstream.StreamConfig) string {
	if c.SubjectTransform == nil {
		return "none"
	}
	return c.SubjectTransform.Source + " to " + c.SubjectTransform.Destination
}

// planBucket looks at the stream behind the bucket.
func (b *Bus) planBucket(ctx context.Context, k Bucket, replicas int) (*Change, error) {
	kind, stream := "bucket", "KV_"+k.Name
	if k.Objects {
		kind, stream = "object store", "OBJ_"+k.Name
	}
	old, err := b.js.Stream(ctx, stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return &Change{Kind: kind, Name: k.Name, Action: "create"}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up %s %s: %w", kind, k.Name, err)
	}
	have := old.CachedInfo().Config
	want := have
	want.Description, want.MaxBytes, want.Replicas = k.Description, k.MaxBytes, replicas
	if !k.Objects {
		want.MaxMsgsPerSubject = int64(k.History)
	}
	if detail := differences(have, want); detail != "" {
		return &Change{Kind: kind, Name: k.Name, Action: "update", Detail: detail}, nil
	}
	return nil, nil
}

func (b *Bus) putBucket(ctx context.Context, k Bucket, replicas int) error {
	if k.Objects {
		_, err := b.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
			Bucket: k.Name, Description: k.Description, MaxBytes: k.MaxBytes, Storage: jetstream.FileStorage, Replicas: replicas,
		})
		return apiError("put object store", err)
	}
	cfg := jetstream.KeyValueConfig{
		Bucket: k.Name, Description: k.Description, History: k.History, MaxBytes: k.MaxBytes,
		Storage: jetstream.FileStorage, Replicas: replicas,
	}
	if k.Markers {
		cfg.LimitMarkerTTL = time.Hour
	}
	_, err := b.js.CreateOrUpdateKeyValue(ctx, cfg)
	return apiError("put bucket", err)
}

// String returns the limits of s in one line, as docs/subjects.md shows them.
func (s Stream) String() string {
	var parts []string
	if s.MaxAge > 0 {
		parts = append(parts, duration(s.MaxAge))
	}
	parts = append(parts, bytesText(s.MaxBytes))
	if s.MaxPerSubject > 0 {
		parts = append(parts, fmt.Sprintf("%d per subject", s.MaxPerSubject))
	}
	if s.Partitioned != (Transform{}) {
		parts = append(parts, fmt.Sprintf("%d partitions", wire.Partitions))
	}
	if s.WorkQueue {
		parts = append(parts, "work queue")
	}
	if s.DiscardNew {
		parts = append(parts, "discard new")
	}
	if s.Atomic {
		parts = append(parts, "batches")
	}
	if s.Async {
		parts = append(parts, "asynchronous flush")
	}
	return strings.Join(append(parts, "duplicates "+duration(s.Duplicates)), ", ")
}

// String returns the limits of k in one line, as docs/subjects.md shows them.
func (k Bucket) String() string {
	if k.Objects {
		return bytesText(k.MaxBytes)
	}
	return fmt.Sprintf("%s, history %d", bytesText(k.MaxBytes), k.History)
}

func duration(d time.Duration) string {
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%d d", d/day)
	}
	return fmt.Sprintf("%d min", d/time.Minute)
}

func bytesText(n int64) string {
	if n >= gib {
		return fmt.Sprintf("%d GiB", n/gib)
	}
	return fmt.Sprintf("%d MiB", n/mib)
}
