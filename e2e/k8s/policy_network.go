package k8s

import "slices"

// denied checks that what no policy allows is forbidden.
func (c *checker) denied() {
	c.where = "network policies"
	c.need(slices.ContainsFunc(c.policies, func(p object) bool {
		return p.Spec.PodSelector.all() && slices.Contains(p.Spec.PolicyTypes, "Ingress") && slices.Contains(p.Spec.PolicyTypes, "Egress") &&
			len(p.Spec.Ingress)+len(p.Spec.Egress) == 0
	}), "no policy denies everything by default")
}

// policy checks that a network policy is no wider than it looks, and that the other end exists.
func (c *checker) policy(p object) {
	c.at(p)
	if !p.Spec.PodSelector.all() {
		c.need(len(c.chosen(p.Spec.PodSelector)) > 0, "chooses no pod")
	}
	for _, r := range p.Spec.Ingress {
		c.need(len(r.From) > 0 && len(r.Ports) > 0, "an ingress rule is open to everybody or on every port")
		for _, w := range c.chosen(p.Spec.PodSelector) {
			c.listens(w, r, true)
		}
		for _, x := range r.From {
			c.exists(x)
		}
	}
	for _, r := range p.Spec.Egress {
		c.need(len(r.To) > 0 && len(r.Ports) > 0, "an egress rule is open to everybody or on every port")
		for _, x := range r.To {
			c.exists(x)
			if x.PodSelector == nil || x.NamespaceSelector != nil {
				continue
			}
			for _, w := range c.chosen(*x.PodSelector) {
				c.listens(w, r, false)
			}
		}
	}
}

// chosen returns the workloads whose pods s chooses.
func (c *checker) chosen(s selector) []object {
	var out []object
	for _, w := range c.workloads {
		if s.matches(w.Spec.Template.Metadata.Labels) {
			out = append(out, w)
		}
	}
	return out
}

// exists checks that a peer of our own namespace is there, and that one outside of the cluster is outside.
func (c *checker) exists(x peer) {
	if x.PodSelector != nil && x.NamespaceSelector == nil {
		c.need(len(c.chosen(*x.PodSelector)) > 0, "names a peer that is no pod of ours: %v", *x.PodSelector)
	}
	if b := x.IPBlock; b != nil && b.CIDR == "0.0.0.0/0" {
		for _, private := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} {
			c.need(slices.Contains(b.Except, private), "reaches the inside by way of %s", private)
		}
	}
}

// listens checks that the workload has the ports of a rule: all of them, or with any one of them.
func (c *checker) listens(w object, r rule, one bool) {
	found := 0
	for _, port := range r.Ports {
		for _, x := range w.Spec.Template.Spec.Containers {
			for _, have := range x.Ports {
				if have.ContainerPort == port.Port {
					found++
				}
			}
		}
	}
	c.need(found == len(r.Ports) || one && found > 0, "%s does not listen on %v", w.Metadata.Name, r.Ports)
}
