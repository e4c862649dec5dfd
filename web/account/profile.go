package account

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// actor is the person at the page, as the directory's log has them.
func actor(r *http.Request, in *postgres.SignedIn) directory.Actor {
	return directory.Actor{Name: in.Person.Username, User: in.Person.ID, IPAddress: browser.AddressFrom(r.Context())}
}

// ShowProfile is GET /account/profile.
func (p *Pages) ShowProfile(w http.ResponseWriter, r *http.Request) {
	v, in := p.visit(w, r)
	if in == nil {
		return
	}
	p.showProfile(w, r, v, profile(in), http.StatusOK)
}

func (p *Pages) showProfile(w http.ResponseWriter, r *http.Request, v *browser.Visit, page templates.Profile, status int) {
	v.At("/account/profile")
	layout, err := v.Layout(r.Context())
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	page.Layout = layout
	browser.Show(w, r, page, browser.Sending{Status: status})
}

// ChangeProfile is POST /account/profile.
func (p *Pages) ChangeProfile(w http.ResponseWriter, r *http.Request) {
	v, in := p.visit(w, r)
	if in == nil {
		return
	}
	name, language := strings.TrimSpace(r.PostFormValue("name")), in.Person.Language
	if r.PostForm.Has("language") {
		language = r.PostFormValue("language")
	}
	_, err := p.Directory.ChangeOwnProfile(r.Context(), actor(r, in), directory.SelfChange{DisplayName: &name, Language: &language})
	var unfit *directory.InvalidError
	switch {
	case errors.As(err, &unfit):
		page := profile(in)
		page.Name, page.Chosen, page.Problem = name, language, templates.ProfileNameUnfit
		p.showProfile(w, r, v, page, http.StatusBadRequest)
	case err != nil:
		p.Fail(w, r, err)
	default:
		if language != in.Person.Language {
			// The pages of this browser follow, whatever was chosen at their foot.
			p.Browsers.Speak(w, language)
		}
		p.done(w, templates.ProfileChanged)
	}
}

// profile is the page as it stands.
func profile(in *postgres.SignedIn) templates.Profile {
	return templates.Profile{Name: in.Person.DisplayName, Username: in.Person.Username, Avatar: ownPicture(in), Chosen: in.Person.Language}
}

// ownPicture is the picture that the house keeps, "" for none: one that stands
// elsewhere is not loaded into our pages.
func ownPicture(in *postgres.SignedIn) string {
	if strings.HasPrefix(in.Person.AvatarURL, "/files/") {
		return in.Person.AvatarURL
	}
	return ""
}

// ChangeAvatar is POST /account/profile/avatar: a new picture, or none.
func (p *Pages) ChangeAvatar(w http.ResponseWriter, r *http.Request) {
	v, in := p.visit(w, r)
	if in == nil {
		return
	}
	var err error
	if r.PostFormValue("do") == "remove" {
		_, err = p.Directory.RemoveAvatar(r.Context(), actor(r, in), in.Person.ID)
	} else {
		_, err = p.Directory.SetAvatar(r.Context(), actor(r, in), in.Session.Tenant, sentPicture(r))
	}
	var unfit *directory.InvalidError
	switch {
	case errors.As(err, &unfit), errors.Is(err, storage.ErrLimit):
		page := profile(in)
		page.Problem = templates.ProfilePictureUnfit
		p.showProfile(w, r, v, page, http.StatusBadRequest)
	case err != nil:
		p.Fail(w, r, err)
	default:
		p.done(w, templates.ProfileChanged)
	}
}

// sentPicture is the file of the form; nothing is no picture.
func sentPicture(r *http.Request) []byte {
	file, _, err := r.FormFile("picture")
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, directory.MaxAvatar+1))
	if err != nil {
		return nil
	}
	return content
}
