package output

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

type document struct {
	Name    string     `json:"name"`
	Scopes  []string   `json:"scopes"`
	Active  bool       `json:"active"`
	Limit   *int       `json:"max_users"`
	EndedAt *time.Time `json:"ended_at"`
	Long    string     `json:"long" table:"-"`
	Hidden  string     `json:"-"`
}

// people is the list as it came.
type people struct {
	People []document `json:"people"`
	Next   string     `json:"next,omitempty"`
}

var ended = time.Date(2026, 1, 30, 12, 0, 0, 0, time.FixedZone("", 3600))

func printed(t *testing.T, f Format, print func(Printer) error) string {
	t.Helper()
	var b strings.Builder
	if err := print(Printer{To: &b, Format: f}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestList(t *testing.T) {
	five := 5
	list := []document{
		{Name: "ann", Scopes: []string{"user", "agents:read"}, Active: true, Limit: &five, Hidden: "hidden"},
		{Name: "日本", EndedAt: &ended, Long: "long"},
	}
	show := func(p Printer) error { return List(p, people{list, "abc"}, list, "abc") }
	const table = "" +
		"NAME  SCOPES            ACTIVE  MAX USERS  ENDED AT\n" +
		"ann   user agents:read  yes     5          -\n" +
		"日本  -                 no      -          2026-01-30 11:00:00Z\n" +
		"\nThere is more: --after abc\n"
	if got := printed(t, Table, show); got != table {
		t.Errorf("table:\n%s\nwant\n%s", got, table)
	}
	var back struct {
		People []document `json:"people"`
		Next   string     `json:"next"`
	}
	if err := json.Unmarshal([]byte(printed(t, JSON, show)), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.People) != 2 || back.People[1].Long != "long" || back.Next != "abc" {
		t.Errorf("%+v", back)
	}
}

func TestList_Empty(t *testing.T) {
	show := func(p Printer) error { return List(p, people{People: []document{}}, []document(nil), "") }
	if got := printed(t, JSON, show); got != "{\n  \"people\": []\n}\n" {
		t.Errorf("JSON: %s", got)
	}
	const header = "NAME  SCOPES  ACTIVE  MAX USERS  ENDED AT\n"
	if got := printed(t, Table, show); got != header {
		t.Errorf("table: %q", got)
	}
	hinting := func(p Printer) error { p.Nothing = "Nobody is there."; return show(p) }
	if got := printed(t, Table, hinting); got != header+"\nNobody is there.\n" {
		t.Errorf("table: %q", got)
	}
	if got := printed(t, JSON, hinting); got != "{\n  \"people\": []\n}\n" {
		t.Errorf("JSON: %s", got)
	}
}

func TestOne(t *testing.T) {
	got := printed(t, Table, func(p Printer) error { return p.One(document{Name: "ann", Long: "text"}) })
	const want = "NAME       ann\nSCOPES     -\nACTIVE     no\nMAX USERS  -\nENDED AT   -\nLONG       text\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// hostile are names that would clear the screen, set the title of the window,
// forge a row, or turn the direction of what follows.
var hostile = []string{
	"\x1b[2J\x1b[1;1Hroot", "\x1b]0;owned\x07", "\u009b2J", "a\nNAME  SCOPES", "a\rb", "a\tb", "\u202egnp.exe", "\x7f", "\u2028x", "\u2066x", "\U000e0041", "\xff\x9b2J",
}

func TestTerminalInjection(t *testing.T) {
	for _, name := range hostile {
		list := []document{{Name: name, Scopes: []string{name}}}
		for _, f := range []Format{Table, JSON} {
			for _, got := range []string{
				printed(t, f, func(p Printer) error { return List(p, people{People: list}, list, name) }),
				printed(t, f, func(p Printer) error { return p.One(list[0]) }),
			} {
				for _, r := range strings.ReplaceAll(got, "\n", "") {
					if steers(r) {
						t.Errorf("%s of %q: %q reaches the terminal", f, name, r)
					}
				}
			}
		}
		rows := printed(t, Table, func(p Printer) error { return List(p, people{People: list}, list, "") })
		if strings.Count(rows, "\n") != 2 {
			t.Errorf("%q forged a row:\n%s", name, rows)
		}
		var back struct {
			People []document `json:"people"`
		}
		text := printed(t, JSON, func(p Printer) error { return List(p, people{People: list}, list, "") })
		if err := json.Unmarshal([]byte(text), &back); err != nil || back.People[0].Name != strings.ToValidUTF8(name, "\ufffd") && name[0] != 0xff {
			t.Errorf("%q became %q: %v", name, back.People[0].Name, err)
		}
	}
}

func TestFormat_Set(t *testing.T) {
	f := Table
	if err := f.Set("yaml"); err == nil || f != Table {
		t.Errorf("%q, %v", f, err)
	}
	if err := f.Set("json"); err != nil || f != JSON {
		t.Errorf("%q, %v", f, err)
	}
}

func FuzzVisible(f *testing.F) {
	for _, seed := range hostile {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range Visible(s) {
			if steers(r) {
				t.Errorf("%q became %q", s, Visible(s))
			}
		}
	})
}
