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
	change := sentProfile(r)
	_, err := p.Directory.ChangeOwnProfile(r.Context(), actor(r, in), change)
	var unfit *directory.InvalidError
	switch {
	case errors.As(err, &unfit):
		page := profile(in)
		page.Problem = profileProblem(unfit.Field)
		for shown, sent := range map[*string]*string{&page.Name: change.DisplayName, &page.Chosen: change.Language, &page.Phone: change.Phone} {
			if sent != nil {
				*shown = *sent
			}
		}
		page.Address, page.PhoneVerified = templates.Address(change.Address.Applied(in.Person.Address)), page.PhoneVerified && page.Phone == in.Person.Phone
		p.showProfile(w, r, v, page, http.StatusBadRequest)
	case err != nil:
		p.Fail(w, r, err)
	default:
		if chosen := change.Language; chosen != nil && *chosen != in.Person.Language {
			// The pages of this browser follow, whatever was chosen at their foot.
			p.Browsers.Speak(w, *chosen)
		}
		p.done(w, templates.ProfileChanged)
	}
}

// sentProfile is what a form says; what it does not speak of stays.
func sentProfile(r *http.Request) directory.SelfChange {
	said := func(field string) *string {
		text := strings.TrimSpace(r.PostFormValue(field))
		if !r.PostForm.Has(field) {
			return nil
		}
		return &text
	}
	return directory.SelfChange{
		DisplayName: said("name"), Language: said("language"), Phone: said("phone"),
		Address: storage.AddressChange{
			Street: said("street"), PostalCode: said("postal_code"), Locality: said("locality"), Region: said("region"), Country: said("country"),
		},
	}
}

// profileProblem says which part of the page is to be mended.
func profileProblem(field string) templates.ProfileProblem {
	switch field {
	case "display_name", "language":
		return templates.ProfileNameUnfit
	case "phone_number":
		return templates.ProfilePhoneUnfit
	}
	return templates.ProfileAddressUnfit
}

// profile is the page as it stands.
func profile(in *postgres.SignedIn) templates.Profile {
	u := in.Person.User
	return templates.Profile{
		Name: u.DisplayName, Username: u.Username, Avatar: ownPicture(in), Chosen: u.Language,
		Phone: u.Phone, PhoneVerified: u.PhoneVerified, Address: templates.Address(u.Address),
	}
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
