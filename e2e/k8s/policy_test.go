package k8s

import (
	"os"
	"strings"
	"testing"
)

// TestCheck breaks good manifests in one place at a time: each rule must see it, and say it.
func TestCheck(t *testing.T) {
	data, err := os.ReadFile("testdata/good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	if got := problems(t, good); len(got) > 0 {
		t.Fatalf("the good manifests have problems: %v", got)
	}
	for name, tc := range map[string]struct{ old, new, want string }{
		"root":                {"runAsNonRoot: true", "runAsNonRoot: false", "may run as root"},
		"user 0":              {"runAsUser: 65532", "runAsUser: 0", "may run as root"},
		"writable root":       {"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "root file system"},
		"capabilities":        {"drop: [ALL]", "drop: [NET_RAW]", "keeps capabilities"},
		"added capability":    {"drop: [ALL]", "{drop: [ALL], add: [SYS_ADMIN]}", "keeps capabilities"},
		"escalation":          {"allowPrivilegeEscalation: false", "privileged: true", "may gain privileges"},
		"seccomp":             {"type: RuntimeDefault", "type: Unconfined", "seccompProfile"},
		"account token":       {"automountServiceAccountToken: false", "automountServiceAccountToken: true", "automountServiceAccountToken"},
		"shared account":      {"serviceAccountName: a", "serviceAccountName: default", "account of its own"},
		"host network":        {"enableServiceLinks: false", "enableServiceLinks: false\n      hostNetwork: true", "namespace of the host"},
		"host path":           {"configMap: {name: a}", "hostPath: {path: /}", "path of the host"},
		"absent config":       {"configMap: {name: a}", "configMap: {name: b}", "ConfigMap that is not there"},
		"latest":              {"image: example.com/a:v1", "image: example.com:5000/a:latest", "no version"},
		"no tag":              {"image: example.com/a:v1", "image: example.com:5000/a", "no version"},
		"no limit":            {"limits: {cpu: 1, memory", "limits: {memory", "no limit of cpu"},
		"no request":          {"requests: {cpu: 1, memory", "requests: {cpu: 1, mem", "no request of memory"},
		"memory of Go":        {"value: 920MiB", "value: 2000MiB", "GOMEMLIMIT"},
		"password":            {"name: GOMEMLIMIT", "name: NATS_PASSWORD", "refer to a Secret"},
		"too little grace":    {"terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 20", "preStop and drain"},
		"no readiness":        {"readinessProbe: {}", "x: {}", "no readiness probe"},
		"no liveness":         {"livenessProbe: {}", "x: {}", "no liveness probe"},
		"no history":          {"revisionHistoryLimit: 5", "x: 5", "revisionHistoryLimit"},
		"foreign selector":    {"matchLabels: {name: a, pods: own}", "matchLabels: {name: b}", "select its own pods"},
		"no default deny":     {"podSelector: {}", "podSelector: {matchLabels: {name: a}}", "denies everything by default"},
		"uncovered pod":       {"podSelector: {matchLabels: {name: a, policy: own}}", "podSelector: {matchLabels: {name: b}}", "no network policy"},
		"no budget":           {"matchLabels: {name: a, budget: own}", "matchLabels: {name: b}", "no disruption budget"},
		"open ingress":        {"- from: [{podSelector: {matchLabels: {name: a}}}]", "- from: []", "open to everybody"},
		"open egress":         {"- to: [{podSelector: {matchLabels: {name: a}}}]", "- to: []", "open to everybody"},
		"every port":          {"ports: [{port: 81}]", "ports: []", "every port"},
		"port nobody has":     {"ports: [{port: 81}]", "ports: [{port: 82}]", "does not listen"},
		"peer that is no pod": {"- to: [{podSelector: {matchLabels: {name: a}}}]", "- to: [{podSelector: {matchLabels: {name: c}}}]", "no pod of ours"},
		"inside by address":   {"except: [10.0.0.0/8, ", "except: [", "reaches the inside"},
		"secret":              {"kind: ConfigMap", "kind: Secret", "secret does not belong"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, tc.old) {
				t.Fatalf("the good manifests have no %q", tc.old)
			}
			found := problems(t, strings.Replace(good, tc.old, tc.new, 1))
			if !strings.Contains(strings.Join(found, "\n"), tc.want) {
				t.Errorf("found %q, want one about %q", found, tc.want)
			}
		})
	}
}

func problems(t *testing.T, manifests string) []string {
	t.Helper()
	objects, err := decode([]byte(manifests))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range check(objects) {
		out = append(out, p.String())
	}
	return out
}

func TestSize(t *testing.T) {
	for q, want := range map[string]float64{"1Gi": 1 << 30, "920MiB": 920 << 20, "64Mi": 64 << 20, "1024": 1024, "off": 0} {
		if got := size(q); got != want {
			t.Errorf("size(%q) = %g, want %g", q, got, want)
		}
	}
}
