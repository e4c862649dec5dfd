package chrome

import (
	"fmt"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// PlugIn gives a tab an authenticator: one that is built in and verifies its user.
func (b *Tab) PlugIn() webauthn.AuthenticatorID {
	b.T.Helper()
	Command(b, webauthn.Enable, webauthn.EnableParams{})
	added, err := chromedp.Call(b.Ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		b.Fail(err)
	}
	return added.AuthenticatorID
}

// Touch says whether the user touches the authenticator when it asks.
func (b *Tab) Touch(id webauthn.AuthenticatorID, yes bool) {
	b.T.Helper()
	Command(b, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: id, Enabled: yes})
}

// Arrives waits until the tab is at a path.
func (b *Tab) Arrives(path string) {
	b.T.Helper()
	for deadline := time.Now().Add(Patience); ; time.Sleep(50 * time.Millisecond) {
		switch at := b.Location(); {
		case at.Path == path:
			return
		case time.Now().After(deadline):
			b.Fail(fmt.Errorf("never came to %s, but %s", path, at))
		}
	}
}
