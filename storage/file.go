package storage

import (
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// File is what a user has uploaded: their avatar. It is never changed; another one
// takes its place, under another address.
type File struct {
	ID   authz.FileID
	User authz.UserID
	// Tenant is where it counts against the storage that was booked.
	Tenant    authz.TenantID
	MediaType string
	Content   []byte
	CreatedAt time.Time
}

// Path is where the file is served: below its user's own path.
func (f File) Path() string { return "/files/" + f.User.String() + "/" + f.ID.String() }
