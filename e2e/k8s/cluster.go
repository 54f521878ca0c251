package k8s

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const namespace = "bellwether"

// cluster is what kubectl reaches.
type cluster struct {
	log io.Writer // what is done, one line each
}

// say notes what is being done.
func (c *cluster) say(format string, args ...any) {
	fmt.Fprintf(c.log, "%s "+format+"\n", append([]any{time.Now().UTC().Format(time.TimeOnly)}, args...)...)
}

// kubectl runs kubectl in Bellwether's namespace and returns its output.
func (c *cluster) kubectl(ctx context.Context, args ...string) (string, error) {
	return c.feed(ctx, nil, args...)
}

// feed is kubectl with standard input.
func (c *cluster) feed(ctx context.Context, in []byte, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "kubectl", append([]string{"-n", namespace}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// until asks ready twice a second until it says yes or ctx ends. An error means not yet; the last one is reported.
func (c *cluster) until(ctx context.Context, what string, patience time.Duration, ready func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		ok, err := ready(ctx)
		if ok {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waited %s for %s", patience, what), last)
		}
	}
}

// podInfo is what the test needs of a pod.
type podInfo struct {
	Name, UID, App, Component string
	Ready                     bool
}

// pods returns the pods that run, or are to run, services; those of Jobs have ended.
func (c *cluster) pods(ctx context.Context) ([]podInfo, error) {
	out, err := c.kubectl(ctx, "get", "pods", "-o", "json")
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []struct {
			Metadata struct {
				Name, UID string
				Labels    map[string]string
			}
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, fmt.Errorf("pods: %w", err)
	}
	var pods []podInfo
	for _, p := range list.Items {
		x := podInfo{Name: p.Metadata.Name, UID: p.Metadata.UID, App: p.Metadata.Labels["app.kubernetes.io/name"], Component: p.Metadata.Labels["app.kubernetes.io/component"]}
		if x.Component == "setup" {
			continue
		}
		for _, cond := range p.Status.Conditions {
			x.Ready = x.Ready || cond.Type == "Ready" && cond.Status == "True"
		}
		pods = append(pods, x)
	}
	return pods, nil
}

// workloads returns the names of all Deployments and StatefulSets, as kind/name.
func (c *cluster) workloads(ctx context.Context) ([]string, error) {
	out, err := c.kubectl(ctx, "get", "statefulset,deployment", "-o", "name")
	return strings.Fields(out), err
}

// settled waits until a workload has the pods it should have, all ready.
func (c *cluster) settled(ctx context.Context, workload string) error {
	_, err := c.kubectl(ctx, "rollout", "status", workload, "--timeout=180s")
	return err
}

// scale sets the replicas of a workload and waits until they are there, or gone.
func (c *cluster) scale(ctx context.Context, workload string, n int) error {
	c.say("scale %s to %d", workload, n)
	if _, err := c.kubectl(ctx, "scale", workload, "--replicas="+strconv.Itoa(n)); err != nil {
		return err
	}
	if err := c.settled(ctx, workload); err != nil {
		return err
	}
	_, app, _ := strings.Cut(workload, "/")
	return c.until(ctx, fmt.Sprintf("%d pods of %s", n, app), 2*time.Minute, func(ctx context.Context) (bool, error) {
		pods, err := c.pods(ctx)
		have := 0
		for _, p := range pods {
			if p.App == app {
				have++
			}
		}
		return err == nil && have == n, err
	})
}

// bellwether runs the operator's command in the pod of tools.
func (c *cluster) bellwether(ctx context.Context, args ...string) (string, error) {
	return c.kubectl(ctx, append([]string{"exec", "deploy/tools", "-c", "bellwether", "--", "/ko-app/bellwether"}, args...)...)
}

// number asks the record for one number.
func (c *cluster) number(ctx context.Context, query string) (int, error) {
	out, err := c.bellwether(ctx, "sql", "--csv", query)
	if err != nil {
		return 0, err
	}
	lines := strings.Split(out, "\n")
	if len(lines) != 2 {
		return 0, fmt.Errorf("%s: %q is not one number", query, out)
	}
	return strconv.Atoi(lines[1])
}

// source asks the EIA-shaped server, by way of the API server.
func (c *cluster) source(ctx context.Context, method, path string, in, out any) error {
	target := "/api/v1/namespaces/" + namespace + "/services/eiasim:8930/proxy" + path
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var answer string
	switch method {
	case "GET":
		answer, err = c.kubectl(ctx, "get", "--raw", target)
	case "PUT":
		_, err = c.feed(ctx, body, "replace", "--raw", target, "-f", "-")
	}
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal([]byte(answer), out)
}
