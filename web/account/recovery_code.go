package account

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

const recoveryPage = "recovery-codes"

// ShowRecoveryCodes is GET /account/recovery-codes: how many there are.
func (p *Pages) ShowRecoveryCodes(w http.ResponseWriter, r *http.Request) {
	if o := p.owner(w, r, recoveryPage); o != nil {
		p.showRecoveryCodes(w, r, o, nil)
	}
}

func (p *Pages) showRecoveryCodes(w http.ResponseWriter, r *http.Request, o *owner, codes []string) {
	layout, err := o.Layout(r.Context())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	if codes != nil {
		layout.Here = "" // another language would cost the codes, which are shown this once
	}
	browser.Show(w, r, templates.RecoveryCodes{
		Layout: layout, Codes: codes, Left: o.have.RecoveryCodes, MadeAt: o.have.RecoveryCodesAt, Useful: o.have.Strong(), Again: o.again,
	}, browser.Sending{})
}

// MakeRecoveryCodes is POST /account/recovery-codes. The answer is the one place
// where the codes are ever shown.
func (p *Pages) MakeRecoveryCodes(w http.ResponseWriter, r *http.Request) {
	o := p.fresh(w, r, recoveryPage)
	if o == nil {
		return
	}
	if !o.have.Strong() {
		p.showRecoveryCodes(w, r, o, nil)
		return
	}
	codes, err := p.Factors.NewRecoveryCodes(r.Context(), o.in.Person.ID, o.in.Session.ID, p.Now().Add(p.LedgerLifetime), p.event(o, "user.recovery_codes.make"))
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.showRecoveryCodes(w, r, o, codes)
}

var recoveryCode = regexp.MustCompile(`^[0-9a-z-]{19}$`)

// DownloadRecoveryCodes is POST /account/recovery-codes/download: the codes that the
// page shows, as a file. They come from the page, for we do not have them.
func (p *Pages) DownloadRecoveryCodes(w http.ResponseWriter, r *http.Request) {
	if _, in := p.visit(w, r); in == nil {
		return
	}
	var file strings.Builder
	for _, code := range r.PostForm["code"] {
		if recoveryCode.MatchString(code) {
			file.WriteString(code + "\r\n")
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="recovery-codes.txt"`)
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(file.String()))
}
