package web

import (
	"net/http"
	"net/netip"

	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/api"
	"github.com/gatehouse/gatehouse/web/browser"
)

// guard says what must be true of a request before its handler sees it.
type guard int

const (
	// open: anybody, from anywhere.
	open guard = iota
	// program: a client's or a resource server's own code, never a browser's window.
	program
	// shared: the same, and scripts of any origin too (CORS without credentials).
	shared
	// form: a form of ours, posted by the browser that we gave it to.
	form
	// upload: the same, with a picture in it.
	upload
)

type route struct {
	// method is "" where the handler takes every one.
	method, path string
	guard        guard
	handler      http.HandlerFunc
}

// routes is every address of the house.
func (s *Server) routes() []route {
	p := s.provider
	visited := func(endpoint func(http.ResponseWriter, *http.Request, oidc.Browser)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { endpoint(w, r, s.browsers.Visit(w, r).Protocol()) }
	}
	located := func(endpoint func(http.ResponseWriter, *http.Request, netip.Addr)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { endpoint(w, r, browser.AddressFrom(r.Context())) }
	}
	return []route{
		{"GET", "/{$}", open, s.home},
		{"GET", "/healthz", open, s.healthy},
		{"GET", "/readyz", open, s.ready},
		{"GET", "/files/{user}/{file}", open, s.file},
		{"GET", "/logos/{logo}", open, s.logo},
		{"GET", "/brand/{style}", open, templates.BrandStyle},
		{"GET", "/static/", open, templates.Static().ServeHTTP},

		{"GET", "/.well-known/openid-configuration", shared, p.Discovery},
		{"GET", "/.well-known/oauth-authorization-server", shared, p.Discovery},
		{"GET", api.MetadataPath, shared, s.api.Metadata},
		{"GET", "/.well-known/webauthn", open, s.relatedOrigins},
		{"GET", "/.well-known/passkey-endpoints", shared, s.passkeyEndpoints},
		{"GET", "/.well-known/change-password", open, changePassword},
		{"GET", oidc.JWKSPath, shared, p.JWKS},

		{"GET", oidc.AuthorizePath, open, visited(p.Authorize)},
		{"POST", oidc.AuthorizePath, open, visited(p.Authorize)},
		{"POST", oidc.PushedAuthorizationPath, program, located(p.PushAuthorization)},
		{"POST", oidc.DeviceAuthorizationPath, program, located(p.DeviceAuthorization)},
		{"POST", oidc.BackchannelAuthenticationPath, program, located(p.BackchannelAuthentication)},
		{"POST", oidc.TokenPath, shared, p.Token},
		{"POST", oidc.IntrospectPath, program, p.Introspect},
		{"POST", oidc.RevokePath, shared, p.Revoke},
		{"GET", oidc.RevocationsPath, program, p.Revocations},
		{"POST", oidc.RevocationsPath, program, p.Revocations},
		{"GET", oidc.GrantsPath + "/{grant_id}", program, p.QueryGrant},
		{"DELETE", oidc.GrantsPath + "/{grant_id}", program, p.RevokeGrant},
		{"GET", oidc.UserInfoPath, shared, p.UserInfo},
		{"POST", oidc.UserInfoPath, shared, p.UserInfo},
		{"GET", oidc.EndSessionPath, open, visited(p.EndSession)},
		{"POST", oidc.EndSessionPath, open, visited(p.EndSession)},
		{"GET", oidc.CheckSessionPath, open, s.checkSession},
		{"POST", oidc.RegistrationPath, shared, s.api.Register},
		{"GET", oidc.RegistrationPath + "/{client}", program, s.api.Registered},
		{"PUT", oidc.RegistrationPath + "/{client}", program, s.api.Registered},
		{"DELETE", oidc.RegistrationPath + "/{client}", program, s.api.Registered},

		{"GET", oidc.SignInPath, open, s.login.ShowSignIn},
		{"POST", oidc.SignInPath, form, s.login.SignIn},
		{"POST", "/login/switch", form, s.login.Switch},
		{"POST", "/login/passkey", form, s.login.SignInWithPasskey},
		{"GET", "/login/passkey/new", open, s.login.OfferPasskey},
		{"POST", "/login/passkey/new", form, s.login.AnswerPasskeyOffer},
		{"GET", oidc.StepUpPath, open, s.login.ShowVerify},
		{"POST", oidc.StepUpPath, form, s.login.Verify},
		{"POST", oidc.StepUpPath + "/passkey", form, s.login.VerifyWithPasskey},
		{"POST", oidc.StepUpPath + "/skip", form, s.login.SkipStepUp},
		{"GET", "/login/forgot", open, s.login.ShowForgot},
		{"POST", "/login/forgot", form, s.login.Forgot},
		{"GET", oidc.RegisterPath, open, s.login.ShowRegister},
		{"POST", oidc.RegisterPath, form, s.login.Register},
		{"GET", authn.LinkPath, open, s.login.ShowLink},
		{"POST", authn.LinkPath, form, s.login.SpendLink},
		{"GET", "/login/tenant", open, s.login.ShowTenants},
		{"POST", "/login/tenant", form, s.login.ChooseTenant},
		{"GET", oidc.ConsentPath, open, s.login.ShowConsent},
		{"POST", oidc.ConsentPath, form, s.login.AnswerConsent},
		{"GET", oidc.DevicePath, open, s.login.ShowDevice},
		{"POST", oidc.DevicePath, form, s.login.EnterUserCode},
		{"POST", oidc.DevicePath + "/confirm", form, s.login.AnswerDevice},
		{"POST", "/language", form, s.browsers.ChooseLanguage},
		{"POST", "/logout", form, s.login.SignOut},

		{"GET", "/account", open, s.account.Show},
		{"POST", "/account/sessions/revoke", form, s.account.RevokeSession},
		{"POST", "/account/sessions/revoke-others", form, s.account.RevokeOtherSessions},
		{"POST", "/account/apps/withdraw", form, s.account.Withdraw},
		{"GET", oidc.RequestsPath, open, s.login.ShowRequests},
		{"POST", oidc.RequestsPath, form, s.login.AnswerRequest},
		{"GET", "/account/profile", open, s.account.ShowProfile},
		{"POST", "/account/profile", form, s.account.ChangeProfile},
		{"POST", "/account/profile/avatar", upload, s.account.ChangeAvatar},
		{"GET", "/account/password", open, s.account.ShowPassword},
		{"POST", "/account/password", form, s.account.ChangePassword},
		{"GET", "/account/email", open, s.account.ShowEmail},
		{"POST", "/account/email", form, s.account.ChangeEmail},
		{"POST", "/account/email/verify", form, s.account.VerifyEmail},
		{"GET", "/account/tenants", open, s.account.ShowTenants},
		{"POST", "/account/tenants", form, s.account.ChooseTenant},
		{"GET", "/account/data", open, s.account.ShowData},
		{"POST", "/account/data/export", form, s.account.Export},
		{"POST", "/account/data/delete", form, s.account.Delete},

		{"GET", "/account/passkeys", open, s.account.ShowPasskeys},
		{"POST", "/account/passkeys", form, s.account.AddPasskey},
		{"POST", "/account/passkeys/rename", form, s.account.RenamePasskey},
		{"POST", "/account/passkeys/remove", form, s.account.RemovePasskey},
		{"GET", "/account/authenticator-app", open, s.account.ShowAuthenticatorApp},
		{"POST", "/account/authenticator-app", form, s.account.SetUpAuthenticatorApp},
		{"POST", "/account/authenticator-app/remove", form, s.account.RemoveAuthenticatorApp},
		{"GET", "/account/recovery-codes", open, s.account.ShowRecoveryCodes},
		{"POST", "/account/recovery-codes", form, s.account.MakeRecoveryCodes},
		{"POST", "/account/recovery-codes/download", form, s.account.DownloadRecoveryCodes},

		{"GET", "/dev/mail", open, s.mailbox},

		{"GET", "/console", open, s.console.Show},

		// Its operations are the list in web/api/routes.go; it refuses other methods itself.
		{"", api.Prefix + "/", open, s.api.ServeHTTP},
	}
}
