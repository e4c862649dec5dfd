package postgres_test

import (
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// People are found as they are called, however either side types it.
func TestSearch_Accents(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	tenant := w.Tenant("acme")
	for _, name := range []string{"josé", "müller", "muller2", "søren", "łukasz", "straße", "æsa", "фёдор", "أحمد", "nguyễn", "田中", "がく"} {
		w.User(name, authz.RoleUser, "!", tenant)
	}
	s := storagetest.Open(t, dsn, postgres.Options{}).ForOperator()
	for text, want := range map[string]int{
		"jose": 1, "José": 1, "JOSÈ": 1, "jose\u0301": 1, "muller": 2, "Müller": 2, "soren": 1, "Søren": 1, "lukasz": 1, "strasse": 1, "STRASSE": 1,
		"aesa": 1, "федор": 1, "احمد": 1, "nguyen": 1, "nguyễn": 1, "田中": 1, "がく": 1,
		// Neither transliterated nor, in kana, another letter.
		"mueller": 0, "かく": 0, "tanaka": 0,
		// What is nothing but marks stands in nobody's name.
		"\u0301": 0, "\u064e\u0651": 0,
	} {
		found, err := s.Users(t.Context(), postgres.UserFilter{Search: text, Limit: 50})
		if err != nil || len(found) != want {
			t.Errorf("search %q: %d users, %v; want %d", text, len(found), err, want)
		}
	}
}

// Who was meant comes first, and a short name is no reason to list everybody.
func TestSearch_ShortAndMisspelt(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	tenant := w.Tenant("acme")
	for _, name := range []string{"joseph", "joanna", "josh", "john", "stephen", "thomas", "müller", "agnes", "wilhelm", "zoe", "100%"} {
		w.User(name, authz.RoleUser, "!", tenant)
	}
	s := storagetest.Open(t, dsn, postgres.Options{}).ForOperator()
	for text, want := range map[string]string{
		"jon": "john", "jhon": "john", "jonh": "john", "tomas": "thomas", "tohmas": "thomas", "steven": "stephen", "mueler": "müller", "mulelr": "müller",
		"anges": "agnes", "1%00": "100%", `jo\`: "josh", "xkcd": "", "%%%%": "",
	} {
		found, err := s.SimilarUsers(t.Context(), postgres.UserFilter{Search: text})
		first := ""
		if len(found) > 0 {
			first = found[0].Username
		}
		if err != nil || first != want || len(found) > 4 {
			t.Errorf("%q: %d users, %q first, %v; want %q", text, len(found), first, err, want)
		}
	}
}
