package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
)

// firstOwner is who was made for an empty development database. The password is
// nowhere else, and is shown once.
type firstOwner struct {
	username, password string
}

// bootstrap makes the first tenant and its owner when nobody is there yet; nil
// when somebody is.
func (i *invocation) bootstrap(ctx context.Context, h *house) (*firstOwner, error) {
	pepper, err := storage.ClientSecretPepper(h.secret)
	if err != nil {
		return nil, err
	}
	d := directory.New(h.store, pepper, i.now)
	n, err := d.CountUsers(ctx, hostActor(), directory.UserFilter{})
	if err != nil || n > 0 {
		return nil, err
	}
	first := &firstOwner{username: "owner", password: strings.ToLower(rand.Text()[:20])}
	hash, err := authn.NewHasher().Hash(ctx, authn.NewPassword(first.password))
	if err != nil {
		return nil, err
	}
	_, made, err := d.Bootstrap(ctx, directory.CreateUser{
		Username: first.username, Email: "owner@localhost.localdomain", DisplayName: "The Owner", PasswordHash: hash,
	})
	if err != nil || !made {
		return nil, err
	}
	return first, nil
}

// welcome says what to open. It goes to standard error beside the log: standard
// output is for answers.
func (i *invocation) welcome(c *config.Config, h *house, withDemo bool) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n  Gatehouse is ready.\n\n")
	if withDemo {
		fmt.Fprintf(&b, "  Demo application   %s   (begin here)\n", demoURL)
	}
	fmt.Fprintf(&b, "  Issuer and pages   %s\n", c.Issuer)
	if c.Env == config.Development && c.SMTPAddress == "" {
		fmt.Fprintf(&b, "  Mail, kept here    %s/dev/mail\n", c.Issuer)
	}
	fmt.Fprintf(&b, "  Metrics, profiles  http://%s\n", c.AdminListen)
	if h.first == nil && withDemo {
		fmt.Fprintf(&b, "\n  Lost a password?   gatehouse admin users reset-link USER\n")
	}
	_, _ = i.errs.Write([]byte(b.String()))
	i.introduce(h)
	fmt.Fprintf(i.errs, "\n  Stop with Ctrl-C.\n\n")
}

// introduce tells the password of an owner who was just made, once.
func (i *invocation) introduce(h *house) {
	if h.first == nil {
		return
	}
	fmt.Fprintf(i.errs, "\n  The first owner was made. The password is shown this once:\n\n      username  %s\n      password  %s\n", h.first.username, h.first.password)
	h.first = nil
}
