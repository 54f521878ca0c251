package k8s

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
)

// kill ends every pod once, without notice, and sees that another takes its place and data flow again.
func (t *Test) kill(ctx context.Context) error {
	pods, err := t.c.pods(ctx)
	if err != nil {
		return err
	}
	for _, p := range pods {
		if t.spent("the kill of " + p.Name) {
			return nil
		}
		t.c.say("kill %s", p.Name)
		if _, err := t.c.kubectl(ctx, "delete", "pod", p.Name, "--grace-period=0", "--force"); err != nil {
			return err
		}
		if err := t.replaced(ctx, p); err != nil {
			return err
		}
		if err := t.traffic.flow(ctx, t.Patience); err != nil {
			return fmt.Errorf("after %s was killed: %w", p.Name, err)
		}
		t.result.Kills++
	}
	return nil
}

// replaced waits until a pod is gone and its workload has one that is ready instead.
func (t *Test) replaced(ctx context.Context, old podInfo) error {
	return t.c.until(ctx, "a pod in place of "+old.Name, t.Patience, func(ctx context.Context) (bool, error) {
		pods, err := t.c.pods(ctx)
		fresh := false
		for _, p := range pods {
			if p.UID == old.UID {
				return false, nil
			}
			fresh = fresh || p.App == old.App && p.Ready
		}
		return err == nil && fresh, err
	})
}

// roll replaces the pods of every workload, one after the other, while data flow.
func (t *Test) roll(ctx context.Context) error {
	workloads, err := t.c.workloads(ctx)
	if err != nil {
		return err
	}
	for _, w := range workloads {
		if t.spent("the rollout of " + w) {
			return nil
		}
		t.c.say("roll %s", w)
		if _, err := t.c.kubectl(ctx, "rollout", "restart", w); err != nil {
			return err
		}
		if err := t.c.settled(ctx, w); err != nil {
			return err
		}
		if err := t.traffic.flow(ctx, t.Patience); err != nil {
			return fmt.Errorf("after %s was rolled: %w", w, err)
		}
		t.result.Rollouts++
	}
	return nil
}

// rescale goes from one to three replicas and back, while data flow.
func (t *Test) rescale(ctx context.Context) error {
	for _, name := range []string{"deployment/validator", "deployment/forecaster"} {
		for _, n := range []int{3, 1} {
			if err := t.c.scale(ctx, name, n); err != nil {
				return err
			}
			if err := t.traffic.flow(ctx, t.Patience); err != nil {
				return fmt.Errorf("with %d of %s: %w", n, name, err)
			}
		}
	}
	return nil
}

// evict closes the node, has the services' pods evicted as a drain does, and opens it again: until then they have no
// place to go.
func (t *Test) evict(ctx context.Context) error {
	node, err := t.c.kubectl(ctx, "get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
	if err != nil {
		return err
	}
	t.c.say("cordon %s and evict the services", node)
	if _, err := t.c.kubectl(ctx, "cordon", node); err != nil {
		return err
	}
	pods, err := t.c.pods(ctx)
	for _, p := range pods {
		if p.Component == "pipeline" && err == nil {
			body := fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":%q,"namespace":%q}}`, p.Name, namespace)
			_, err = t.c.feed(ctx, []byte(body), "create", "--raw", "/api/v1/namespaces/"+namespace+"/pods/"+p.Name+"/eviction", "-f", "-")
		}
	}
	if _, uncordon := t.c.kubectl(ctx, "uncordon", node); uncordon != nil || err != nil {
		return fmt.Errorf("evict: %w", cmp.Or(err, uncordon))
	}
	for _, p := range pods {
		if p.Component == "pipeline" {
			if err := t.replaced(ctx, p); err != nil {
				return err
			}
		}
	}
	return t.traffic.flow(ctx, t.Patience)
}

// outages takes down the store, the bus and a service.
func (t *Test) outages(ctx context.Context) error {
	for _, o := range []struct{ workload, alert string }{
		{"statefulset/clickhouse", "store_unavailable"},
		{"statefulset/nats", ""},
		{"deployment/forecaster", "service_silent"},
	} {
		if err := t.outage(ctx, o.workload, o.alert); err != nil {
			return err
		}
	}
	return nil
}

// outage takes a workload down, waits until its alert fires if it has one, and brings it up again.
func (t *Test) outage(ctx context.Context, workload, alert string) error {
	before := 0
	if alert != "" {
		var err error
		if before, err = t.told(ctx, alert); err != nil {
			return err
		}
	}
	if err := t.c.scale(ctx, workload, 0); err != nil {
		return err
	}
	if alert == "" {
		pause(ctx, 10*time.Second) // there is nobody to tell what is the matter
	} else if err := t.heard(ctx, alert, before); err != nil {
		return err
	}
	if err := t.c.scale(ctx, workload, 1); err != nil {
		return err
	}
	if err := t.traffic.flow(ctx, t.Patience); err != nil {
		return fmt.Errorf("after the outage of %s: %w", workload, err)
	}
	return nil
}

// heard waits until the alert has been told more often than before. The store may be what is away, so the log is asked.
func (t *Test) heard(ctx context.Context, alert string, before int) error {
	return t.c.until(ctx, "alert "+alert, t.Patience, func(ctx context.Context) (bool, error) {
		now, err := t.told(ctx, alert)
		return now > before, err
	})
}

// told counts how often the monitor has told that the alert fires.
func (t *Test) told(ctx context.Context, alert string) (int, error) {
	out, err := t.c.kubectl(ctx, "logs", "deploy/monitor")
	return strings.Count(out, fmt.Sprintf(`"state":"firing","severity":"critical","name":%q`, alert)), err
}
