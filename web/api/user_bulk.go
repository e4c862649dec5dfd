package api

import (
	"context"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
)

// ChangeUsers does one thing to many users.
var ChangeUsers = Operation[Bulk, BulkResult]{"POST", "/users:bulk", "changeUsers", "Do one thing to many users: to all of them, or to none and say why", 200, people}

// BulkLines is how many lines one request may have.
const BulkLines = 200

// Bulk is one thing done to many users.
type Bulk struct {
	Body struct {
		Action string         `json:"action" enum:"import,update,disable,enable,delete,add-to-group,revoke-all"`
		Group  string         `json:"group,omitempty" maxLength:"64" doc:"Where to add users to: the id of a group"`
		Try    bool           `json:"try,omitempty" doc:"Only say what would be refused"`
		Resume bool           `json:"resume,omitempty" doc:"Leave alone what an interrupted run has done already"`
		Ahead  map[string]int `json:"ahead,omitempty" doc:"For an import that is judged in parts: what the answers about the parts before said"`
		Lines  []BulkLine     `json:"lines" nullable:"false" maxItems:"200"`
	}
}

// BulkLine is what is done to one user. An import names nobody; the rest names a
// user, and an update says what to change.
type BulkLine struct {
	Line          int           `json:"line" minimum:"0" doc:"Where it was written, for refusals"`
	User          string        `json:"user,omitempty" maxLength:"254" doc:"The id, the user name or the e-mail address"`
	Username      *string       `json:"username,omitempty" maxLength:"128"`
	Email         *string       `json:"email,omitempty" maxLength:"254"`
	DisplayName   *string       `json:"display_name,omitempty" maxLength:"200"`
	AvatarURL     *string       `json:"avatar_url,omitempty" maxLength:"2048" doc:"For an update"`
	Language      *string       `json:"language,omitempty" maxLength:"32"`
	PhoneNumber   *string       `json:"phone_number,omitempty" maxLength:"64"`
	PhoneVerified *bool         `json:"phone_number_verified,omitempty"`
	Address       AddressChange `json:"address,omitzero"`
	Role          *string       `json:"role,omitempty" maxLength:"32"`
	Disabled      *bool         `json:"disabled,omitempty" doc:"For an update"`
	Tenant        string        `json:"tenant,omitempty" maxLength:"64" doc:"For an import"`
	Password      string        `json:"password,omitempty" writeOnly:"true" maxLength:"8192" doc:"For an import"`
	PasswordHash  string        `json:"password_hash,omitempty" writeOnly:"true" maxLength:"512" doc:"For an import: argon2id in PHC string format"`
}

// BulkResult is what came of it: when a line was refused, nothing was changed.
type BulkResult struct {
	Changed   int            `json:"changed"`
	Unchanged int            `json:"unchanged" doc:"Who was that way already"`
	Refused   []BulkRefusal  `json:"refused" nullable:"false"`
	Ahead     map[string]int `json:"ahead,omitempty" doc:"How many users an import would have added so far, by each tenant that has a limit, as the lines name it"`
}

// BulkRefusal says which line cannot be had, and why.
type BulkRefusal struct {
	Line    int    `json:"line"`
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

func (a *API) changeUsers(ctx context.Context, actor directory.Actor, in *Bulk) (BulkResult, error) {
	out := BulkResult{Refused: []BulkRefusal{}}
	b := directory.Bulk{Action: directory.BulkAction(in.Body.Action), Try: in.Body.Try, Resume: in.Body.Resume, Ahead: in.Body.Ahead}
	if b.Action == directory.BulkAddToGroup {
		var err error
		if b.Group, err = authz.ParseID[authz.GroupID](in.Body.Group); err != nil {
			return out, &directory.InvalidError{Field: "group", Problem: "is not the id of a group"}
		}
	}
	for _, line := range in.Body.Lines {
		l, refusal := a.bulkLine(b.Action, line)
		if refusal != nil {
			out.Refused = append(out.Refused, *refusal)
			b.Try = true // nothing is to be kept of the others
			continue
		}
		b.Lines = append(b.Lines, l)
	}
	r, err := a.Directory.ChangeUsers(ctx, actor, b)
	for _, refusal := range r.Refused {
		out.Refused = append(out.Refused, BulkRefusal(refusal))
	}
	out.Ahead = r.Ahead
	if len(out.Refused) == 0 {
		out.Changed, out.Unchanged = r.Changed, r.Unchanged
	}
	return out, err
}

// bulkLine reads a line. A password is judged here, and hashed when its user is added.
func (a *API) bulkLine(action directory.BulkAction, l BulkLine) (directory.BulkLine, *BulkRefusal) {
	line := directory.BulkLine{Line: l.Line, User: l.User}
	if action != directory.BulkImport {
		line.UserChange = directory.UserChange{
			Username: l.Username, Email: l.Email, DisplayName: l.DisplayName, AvatarURL: l.AvatarURL, Language: l.Language, Role: (*authz.Role)(l.Role), Disabled: l.Disabled,
			Phone: l.PhoneNumber, PhoneVerified: l.PhoneVerified, Address: storage.AddressChange(l.Address),
		}
		return line, nil
	}
	line.New = directory.CreateUser{
		Username: given(l.Username), Email: given(l.Email), DisplayName: given(l.DisplayName), Language: given(l.Language), Role: authz.Role(given(l.Role)), Tenant: l.Tenant,
		PasswordHash: l.PasswordHash,
		Phone:        given(l.PhoneNumber), PhoneVerified: l.PhoneVerified != nil && *l.PhoneVerified, Address: storage.AddressChange(l.Address).Applied(storage.Address{}),
	}
	if line.New.Role == "" {
		line.New.Role = authz.RoleUser
	}
	if l.PasswordHash != "" {
		if err := authn.CheckHash(l.PasswordHash); err != nil {
			return line, &BulkRefusal{l.Line, "password_hash", "is none of argon2id that can be verified here"}
		}
	}
	if l.Password == "" {
		return line, nil
	}
	if l.PasswordHash != "" {
		return line, &BulkRefusal{l.Line, "password", "stands beside a password_hash: one of them is enough"}
	}
	password := authn.NewPassword(l.Password)
	if err := authn.CheckNewPassword(password, line.New.Username, line.New.Email, line.New.DisplayName, l.Tenant); err != nil {
		return line, &BulkRefusal{l.Line, "password", err.Error()}
	}
	line.Hash = func(ctx context.Context) (string, error) { return a.Hasher.Hash(ctx, password) }
	return line, nil
}
