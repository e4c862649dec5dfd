package account

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

const passkeysPage = "passkeys"

// ShowPasskeys is GET /account/passkeys.
func (p *Pages) ShowPasskeys(w http.ResponseWriter, r *http.Request) {
	o := p.owner(w, r, passkeysPage)
	if o == nil {
		return
	}
	layout, err := o.Layout(r.Context())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	page := templates.Passkeys{Layout: layout, Again: o.again, Notice: notice(r)}
	for _, k := range o.have.Passkeys {
		model := authn.PasskeyModel(k.AAGUID)
		page.Passkeys = append(page.Passkeys, templates.AccountPasskey{
			ID: k.ID, Name: k.Name, Model: model.Name, Icon: model.Icon, Synced: k.BackupEligible, Suspect: !k.SuspectAt.IsZero(),
			CreatedAt: k.CreatedAt, LastUsedAt: k.LastUsedAt,
		})
	}
	if o.again == "" && p.Passkeys != nil && len(o.have.Passkeys) < authn.MaxPasskeys {
		ceremony, err := p.Passkeys.BeginRegistration(r.Context(), o.in.Person.User, o.ID(), false)
		if err != nil {
			p.Fail(w, r, err)
			return
		}
		page.Add = &templates.PasskeyQuestion{Options: string(ceremony.Options), State: ceremony.State}
	}
	browser.Show(w, r, page, browser.Sending{Script: page.Add != nil})
}

func notice(r *http.Request) templates.AuthenticatorNotice {
	return templates.AuthenticatorNotice(r.URL.Query().Get("done"))
}

// AddPasskey is POST /account/passkeys.
func (p *Pages) AddPasskey(w http.ResponseWriter, r *http.Request) {
	o := p.fresh(w, r, passkeysPage)
	if o == nil {
		return
	}
	err := authn.ErrPasskey
	if p.Passkeys != nil {
		answer := authn.Answer{Browser: o.ID(), State: r.PostFormValue("state"), Response: r.PostFormValue("response")}
		_, err = p.Passkeys.Register(r.Context(), o.in.Person.User, answer, r.PostFormValue("name"), p.event(o, "user.passkey.add"))
	}
	p.changed(w, r, passkeysPage, templates.PasskeyAdded, err)
}

func (p *Pages) event(o *owner, action string) storage.AuditEvent {
	return o.Event(o.in.Person, action, p.Now())
}

// RenamePasskey is POST /account/passkeys/rename.
func (p *Pages) RenamePasskey(w http.ResponseWriter, r *http.Request) {
	o := p.fresh(w, r, passkeysPage)
	if o == nil {
		return
	}
	name := authn.PasskeyName(r.PostFormValue("name"))
	id, err := authz.ParseID[authz.PasskeyID](r.PostFormValue("passkey_id"))
	if err == nil && name != "" {
		err = o.own.RenamePasskey(r.Context(), id, name, p.event(o, "user.passkey.rename"))
	}
	p.changed(w, r, passkeysPage, templates.PasskeyRenamed, err)
}

// RemovePasskey is POST /account/passkeys/remove. Another's passkey is not found,
// which looks like one that is gone.
func (p *Pages) RemovePasskey(w http.ResponseWriter, r *http.Request) {
	o := p.fresh(w, r, passkeysPage)
	if o == nil {
		return
	}
	id, err := authz.ParseID[authz.PasskeyID](r.PostFormValue("passkey_id"))
	if err == nil {
		err = o.own.DeletePasskey(r.Context(), id, o.in.Session.ID, p.Now().Add(p.LedgerLifetime), p.event(o, "user.passkey.remove"))
	}
	p.changed(w, r, passkeysPage, templates.PasskeyRemoved, err)
}

// changed returns to a page of the account, which says what became of a change.
func (p *Pages) changed(w http.ResponseWriter, r *http.Request, page string, done templates.AuthenticatorNotice, err error) {
	for refusal, told := range map[error]templates.AuthenticatorNotice{
		authn.ErrPasskey: templates.PasskeyNotAccepted, authn.ErrPasskeyExists: templates.PasskeyExists,
		authn.ErrPasskeyModel: templates.PasskeyModelRefused, authn.ErrTooManyPasskeys: templates.PasskeysTooMany,
		authn.ErrExpired: templates.AuthenticatorExpired, authn.ErrCode: templates.AppCodeWrong, postgres.ErrLastWayIn: templates.LastWayIn,
		storage.ErrNotFound: done, authz.ErrInvalidID: done,
	} {
		if errors.Is(err, refusal) {
			p.Log.InfoContext(r.Context(), "authenticator not changed", "page", page, "error", err)
			done, err = told, nil
			break
		}
	}
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	browser.SeeOther(w, "/account/"+page+"?"+url.Values{"done": {string(done)}}.Encode())
}
