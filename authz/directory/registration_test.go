package directory_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

func TestUpdateTenant_Registration(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	for _, c := range []struct{ say, want []string }{
		{[]string{"open"}, []string{"open"}},
		{[]string{"Example.COM", "example.org", "example.com"}, []string{"example.com", "example.org"}},
		{[]string{"closed"}, nil},
		{[]string{}, nil},
		{[]string{"open", "example.com"}, []string{"refused"}},
		{[]string{"com"}, []string{"refused"}},
		{[]string{"@example.com"}, []string{"refused"}},
		{[]string{"*.example.com"}, []string{"refused"}},
		{[]string{"-a.example"}, []string{"refused"}},
		{[]string{""}, []string{"refused"}},
	} {
		updated, err := v.UpdateTenant(t.Context(), host, v.acme.ID, directory.TenantChange{Registration: &c.say})
		got := []string(updated.Registration)
		if err != nil {
			var refused *directory.InvalidError
			if got = []string{"refused"}; !errors.As(err, &refused) || refused.Field != "registration" {
				t.Errorf("%q: %v", c.say, err)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.say, got, c.want)
		}
	}
}

func TestRegistration_Admits(t *testing.T) {
	t.Parallel()
	domains := storage.Registration{"example.com"}
	for email, want := range map[string]bool{
		"a@example.com": true, "a@EXAMPLE.com": true, `"a@evil.example"@example.com`: true,
		"a@sub.example.com": false, "a@example.com.evil.example": false, "example.com": false, "": false, "a@example.com.": false,
	} {
		if got := domains.Admits(email); got != want {
			t.Errorf("%q: %v", email, got)
		}
		if storage.Registration(nil).Admits(email) || !(storage.Registration{"open"}).Admits(email) {
			t.Errorf("%q: nobody, or not everybody", email)
		}
	}
}
