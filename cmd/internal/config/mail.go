package config

import (
	"fmt"
	"net/mail"
	"net/url"

	post "github.com/gatehouse/gatehouse/oidc/mail"
)

// Post is the mail server of the settings; nil when none is set.
func (c *Config) Post() (*post.SMTP, error) {
	if c.SMTPAddress == "" {
		return nil, nil
	}
	return post.NewSMTP(post.Config{
		Address: c.SMTPAddress, TLS: post.TLS(c.SMTPTLS), Username: c.SMTPUsername, Password: c.SMTPPassword.Reveal(),
	})
}

// Sender is who mails come from.
func (c *Config) Sender() (mail.Address, error) {
	if c.SMTPFrom != "" {
		a, err := mail.ParseAddress(c.SMTPFrom)
		if err != nil {
			return mail.Address{}, fmt.Errorf("%.100q is not a mail address", c.SMTPFrom)
		}
		return *a, nil
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return mail.Address{}, fmt.Errorf("issuer: %w", err)
	}
	return mail.Address{Name: "Gatehouse", Address: "no-reply@" + issuer.Hostname()}, nil
}
