package k8s

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// problem is one way in which an object breaks our rules.
type problem struct{ object, text string }

// String returns p on one line.
func (p problem) String() string { return p.object + ": " + p.text }

// check returns every problem of the objects of an overlay.
func check(objects []object) []problem {
	c := checker{}
	for _, o := range objects {
		switch {
		case o.Spec.Template != nil:
			c.workloads = append(c.workloads, o)
		case o.Kind == "NetworkPolicy":
			c.policies = append(c.policies, o)
		case o.Kind == "PodDisruptionBudget":
			c.budgets = append(c.budgets, o)
		case o.Kind == "ConfigMap":
			c.configs = append(c.configs, o.Metadata.Name)
		case o.Kind == "Secret":
			c.at(o).bad("a secret does not belong into the manifests: refer to one")
		}
	}
	for _, w := range c.workloads {
		c.workload(w)
		c.covered(w)
	}
	c.denied()
	for _, p := range c.policies {
		c.policy(p)
	}
	return c.problems
}

// checker collects problems.
type checker struct {
	workloads, policies, budgets []object
	configs                      []string
	where                        string
	problems                     []problem
}

func (c *checker) at(o object, parts ...string) *checker {
	c.where = strings.Join(append([]string{o.Kind + " " + o.Metadata.Name}, parts...), " ")
	return c
}

func (c *checker) bad(format string, args ...any) {
	c.problems = append(c.problems, problem{c.where, fmt.Sprintf(format, args...)})
}

func (c *checker) need(ok bool, format string, args ...any) {
	if !ok {
		c.bad(format, args...)
	}
}

// workload checks what runs pods.
func (c *checker) workload(w object) {
	c.at(w)
	p := w.Spec.Template.Spec
	c.need(p.ServiceAccountName != "" && p.ServiceAccountName != "default", "serviceAccountName: give it an account of its own")
	c.need(isFalse(p.AutomountServiceAccountToken), "automountServiceAccountToken is not false")
	c.need(isFalse(p.EnableServiceLinks), "enableServiceLinks is not false")
	c.need(!p.HostNetwork && !p.HostPID && !p.HostIPC, "shares a namespace of the host")
	c.need(isTrue(p.SecurityContext.RunAsNonRoot) && p.SecurityContext.RunAsUser > 0 && p.SecurityContext.RunAsGroup > 0, "may run as root")
	c.need(p.SecurityContext.SeccompProfile.Type == "RuntimeDefault", "seccompProfile is not RuntimeDefault")
	for _, v := range p.Volumes {
		c.need(v.HostPath == nil, "volume %s is a path of the host", v.Name)
		c.need(v.ConfigMap == nil || slices.Contains(c.configs, v.ConfigMap.Name), "volume %s is of a ConfigMap that is not there", v.Name)
	}
	for _, x := range slices.Concat(p.InitContainers, p.Containers) {
		c.at(w, "container", x.Name)
		c.container(x)
		c.grace(p, x)
		if w.Kind != "Job" && len(x.Ports) > 0 {
			c.need(x.ReadinessProbe != nil, "serves a port and has no readiness probe")
			c.need(x.LivenessProbe != nil, "serves a port and has no liveness probe")
		}
	}
	if w.Kind == "Job" {
		return
	}
	c.at(w)
	c.need(w.Spec.RevisionHistoryLimit != nil, "revisionHistoryLimit is not set")
	c.need(w.Spec.Selector.matches(w.Spec.Template.Metadata.Labels), "does not select its own pods")
}

// container checks one container.
func (c *checker) container(x container) {
	s := x.SecurityContext
	c.need(s.ReadOnlyRootFilesystem, "root file system is not read-only")
	c.need(isFalse(s.AllowPrivilegeEscalation) && !s.Privileged, "may gain privileges")
	c.need(slices.Equal(s.Capabilities.Drop, []string{"ALL"}) && len(s.Capabilities.Add) == 0, "keeps capabilities")
	c.need(pinned(x.Image), "image %q has no version", x.Image)
	for _, r := range []string{"cpu", "memory", "ephemeral-storage"} {
		c.need(x.Resources.Requests[r] != "", "no request of %s", r)
		c.need(x.Resources.Limits[r] != "", "no limit of %s", r)
	}
	for _, e := range x.Env {
		secret := regexp.MustCompile(`(?i)(password|secret|token|api_key)$`).MatchString(e.Name)
		c.need(!secret || e.Value == "", "%s stands in the manifest: refer to a Secret", e.Name)
		if e.Name == "GOMEMLIMIT" {
			share := size(e.Value) / size(x.Resources.Limits["memory"])
			c.need(share >= 0.8 && share <= 0.95, "GOMEMLIMIT %s is %.0f %% of the memory limit, want 80 to 95", e.Value, 100*share)
		}
	}
}

// grace checks that the pod has time for what it does before it ends.
func (c *checker) grace(p pod, x container) {
	for _, a := range x.Args {
		text, ok := strings.CutPrefix(a, "--drain=")
		if !ok {
			continue
		}
		drain, err := time.ParseDuration(text)
		needed := drain + time.Duration(x.Lifecycle.PreStop.Sleep.Seconds)*time.Second
		c.need(err == nil && needed < time.Duration(p.TerminationGracePeriodSeconds)*time.Second,
			"preStop and drain take %s, the pod is given %d s", needed, p.TerminationGracePeriodSeconds)
	}
}

// covered checks that a network policy of its own and a disruption budget choose the workload's pods.
func (c *checker) covered(w object) {
	c.at(w)
	labels := w.Spec.Template.Metadata.Labels
	c.need(slices.ContainsFunc(c.policies, func(p object) bool { return !p.Spec.PodSelector.all() && p.Spec.PodSelector.matches(labels) }),
		"no network policy says whom it talks to")
	switch labels["app.kubernetes.io/component"] {
	case "pipeline", "bus", "store":
		c.need(slices.ContainsFunc(c.budgets, func(b object) bool { return b.Spec.Selector.matches(labels) }), "no disruption budget")
	}
}

func isTrue(b *bool) bool  { return b != nil && *b }
func isFalse(b *bool) bool { return b != nil && !*b }

// pinned reports whether image has a digest or a tag that says a version, or the tag of a build at hand.
func pinned(image string) bool {
	if strings.Contains(image, "@sha256:") {
		return true
	}
	_, tag, ok := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return ok && tag != "" && tag != "latest"
}

// size returns a quantity of memory in bytes, in the notation of Kubernetes or of the Go runtime; 0 if it is neither.
func size(q string) float64 {
	q = strings.TrimSuffix(q, "B")
	units := map[string]float64{"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "": 1}
	digits := strings.TrimRight(q, "KMGi")
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0
	}
	return n * units[q[len(digits):]]
}
