package directory

import (
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/storage"
)

// EventTypes is what a webhook can hear: every action of the audit log, by its name. A
// test compares the list with the source.
var EventTypes = []string{
	"ban.add", "ban.remove",
	"client.create", "client.delete", "client.delete-self", "client.disable", "client.enable", "client.register", "client.rotate-secret",
	"client.update", "client.update-self",
	"consent.give", "consent.withdraw",
	"group.add-member", "group.create", "group.delete", "group.remove-member", "group.scopes", "group.update",
	"issuer.add", "issuer.remove",
	"keys.revoke", "keys.rotate",
	"link.create",
	"project.create", "project.delete", "project.update",
	"resource.create", "resource.delete", "resource.update",
	"role.scopes",
	"scope.delete", "scope.put",
	"session.revoke", "session.revoke-all", "session.revoke-self",
	"tenant.accept-authenticators", "tenant.create", "tenant.delete", "tenant.logo", "tenant.remove-logo", "tenant.resume",
	"tenant.suspend", "tenant.update",
	"user.approve-device", "user.approve-request", "user.avatar", "user.create", "user.delete", "user.disable",
	"user.email.change", "user.email.undo", "user.email.verify", "user.enable", "user.grant-scope", "user.invitation.accept",
	"user.invite", "user.merge", "user.passkey.add", "user.passkey.remove", "user.passkey.rename", "user.password",
	"user.password.reset", "user.recovery_codes.make", "user.register", "user.remove-authenticators", "user.remove-avatar", "user.revoke-scope",
	"user.select-tenant", "user.sign-in", "user.sign-in-failed", "user.sign-out", "user.sign-out-others", "user.sign_in.link", "user.totp.remove",
	"user.totp.set", "user.update", "user.update-self",
	"webhook.create", "webhook.delete", "webhook.fail", "webhook.redeliver", "webhook.rotate-secret", "webhook.test", "webhook.update",
}

// checkEvents wants types that there are, or families of them such as "user.*".
func checkEvents(w storage.Webhook) error {
	known, most := EventTypes, 64
	if w.Protocol == storage.ProtocolSET {
		known = []string{storage.EventSessionRevoked, storage.EventCredentialChange}
	}
	if len(w.Events) == 0 || len(w.Events) > most {
		return invalid("events", "must be 1 to %d types of event", most)
	}
	for _, named := range w.Events {
		family, under := strings.CutSuffix(named, "*")
		if !slices.ContainsFunc(known, func(t string) bool {
			return t == named || under && strings.HasSuffix(family, ".") && strings.HasPrefix(t, family)
		}) {
			return invalid("events", "%q is no type of event, nor a family of them such as user.*", named)
		}
	}
	return nil
}
