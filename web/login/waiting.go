package login

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/web/browser"
)

// What waits for a sign-in stands in the parameter flow: a sealed authorization
// request, which has no colon, or one of three marks with what stands behind it.
// Neither can name an address outside of its pages, so they lead nowhere else.
const (
	// deviceFlow is the device page, and the code that was typed.
	deviceFlow = "device:"
	// accountFlow is a page of the account, by its name.
	accountFlow = "account:"
	// consoleFlow is the console.
	consoleFlow = "console:"
)

// accountPath is where a sign-in ends when no request waits for it.
const accountPath = "/account"

var accountPage = regexp.MustCompile(`^[a-z][a-z-]{0,40}$`)

// requestWaits reports whether the flow is an authorization request.
func requestWaits(flow string) bool { return flow != "" && !strings.Contains(flow, ":") }

// goOn returns to what waits: the authorization endpoint, the device page, a page
// of the account, the console.
func (p *Pages) goOn(w http.ResponseWriter, flow string) {
	browser.SeeOther(w, wayBack(flow))
}

func wayBack(flow string) string {
	if code, waits := strings.CutPrefix(flow, deviceFlow); waits {
		return devicePage(code)
	}
	if page, waits := strings.CutPrefix(flow, accountFlow); waits && accountPage.MatchString(page) {
		return accountPath + "/" + page
	}
	if flow == consoleFlow {
		return "/console"
	}
	if !requestWaits(flow) {
		return accountPath
	}
	return oidc.AuthorizePath + "?flow=" + url.QueryEscape(flow)
}

// devicePage is the address of the device page, with the code filled in where there is one.
func devicePage(code string) string {
	if code == "" {
		return oidc.DevicePath
	}
	return oidc.DevicePath + "?user_code=" + url.QueryEscape(code)
}

// step is the address of a step of the sign-in, with what waits behind it.
func step(path, flow string, more ...string) string {
	q := url.Values{}
	if flow != "" {
		q.Set("flow", flow)
	}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}
