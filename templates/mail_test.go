package templates

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// everyLetter is each letter there is, with or without a link as it is sent.
func everyLetter() map[string]bool {
	return map[string]bool{
		"verify_email": true, "reset_password": true, "sign_in": true, "set_up": true, "invitation": true, "confirm_email": true, "email_changed": true, "register": true,
		"second_factor": false, "email_change_asked": false, "email_restored": false, "new_device": false, "password_changed": false,
		"authenticator_added": false, "authenticator_removed": false, "recovery_codes_made": false, "sign_in_request": false, "account_exists": false,
	}
}

const sampleLink = "https://id.example.com/link?token=gth_ol_x"

func sampleMail(letter string, linked bool, words string) Mail {
	m := Mail{Letter: letter, Name: words, Host: "id.example.com", At: noon, Address: "203.0.113.7", Device: words, Subject: words}
	if linked {
		m.Link, m.Until = sampleLink, noon.Add(15*time.Minute)
	}
	return m
}

func write(t *testing.T, m Mail) (Written, *html.Node) {
	t.Helper()
	w, err := m.Write()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(w.HTML))
	if err != nil {
		t.Fatal(err)
	}
	return w, doc
}

// A letter is in the language of its reader from the subject to the foot, turned as that is written, and what
// it is about stands in it apart from the direction of the words around it.
func TestMail_Languages(t *testing.T) {
	for letter, linked := range everyLetter() {
		m := sampleMail(letter, linked, "Ada")
		original, _ := write(t, m)
		for _, l := range languages[1:] {
			m.Language = l.Tag
			w, doc := write(t, m)
			root := elements(doc, "html")[0]
			if attr(root, "lang") != l.Tag || attr(root, "dir") != l.Direction {
				t.Errorf("%s in %s is marked %s, %s", letter, l.Tag, attr(root, "lang"), attr(root, "dir"))
			}
			if w.Subject == original.Subject {
				t.Errorf("%s in %s has the English subject %q", letter, l.Tag, w.Subject)
			}
			for _, form := range []string{w.Subject, w.Text, text(doc)} {
				if left := placeholder.FindString(form); left != "" || strings.ContainsAny(form, "<>") {
					t.Errorf("%s in %s leaves %q:\n%s", letter, l.Tag, left, form)
				}
				for line := range strings.Lines(original.Text) {
					if line = strings.TrimSpace(line); strings.Count(line, " ") > 2 && strings.Contains(form, line) {
						t.Errorf("%s in %s says in English %q", letter, l.Tag, line)
					}
				}
			}
			if !strings.Contains(w.HTML, "<bdi>id.example.com</bdi>") || !strings.Contains(w.Text, "id.example.com") {
				t.Errorf("%s in %s does not say where it is from:\n%s", letter, l.Tag, w.Text)
			}
		}
	}
}

// A letter says the same in both forms, greets, carries its link once as such, and no other.
func TestMail(t *testing.T) {
	files, err := mailSources.ReadDir("mail")
	if err != nil || len(files)-1 != len(everyLetter()) {
		t.Errorf("%d files for %d letters, %v", len(files)-1, len(everyLetter()), err)
	}
	subjects := map[string]string{}
	for letter, linked := range everyLetter() {
		w, doc := write(t, sampleMail(letter, linked, "Ada"))
		if before, twice := subjects[w.Subject]; twice || w.Subject == "" {
			t.Errorf("%s has the subject of %s: %q", letter, before, w.Subject)
		}
		subjects[w.Subject] = letter
		links := elements(doc, "a")
		if linked && (len(links) != 1 || attr(links[0], "href") != sampleLink || strings.Count(w.Text, sampleLink) != 1) || !linked && len(links)+strings.Count(w.Text, "https://") != 0 {
			t.Errorf("%s: %d links in %s\n%s", letter, len(links), w.HTML, w.Text)
		}
		for _, form := range []string{w.Text, text(doc)} {
			for _, want := range []string{"Ada", "id.example.com"} {
				if !strings.Contains(form, want) {
					t.Errorf("%s does not say %q: %s", letter, want, form)
				}
			}
		}
		if foreign := elements(doc, "img", "link", "script", "style", "form"); len(foreign) != 0 {
			t.Errorf("%s holds %d elements that a mail has no use for", letter, len(foreign))
		}
	}
}

// K6: whatever somebody calls themselves, a subject is one line, and a letter keeps its shape.
func TestK6_NamesAreWordsInMails(t *testing.T) {
	for letter, linked := range everyLetter() {
		_, harmless := write(t, sampleMail(letter, linked, "words"))
		want := shape(harmless)
		for _, payload := range append(hostile, "x\r\nBcc: all@example.com", "x\n\nClick https://evil.example/", "x\u2028y\u0085z\x0by", strings.Repeat("long ", 200)) {
			w, doc := write(t, sampleMail(letter, linked, payload))
			if got := shape(doc); got != want {
				t.Errorf("%s with %q:\n got %s\nwant %s", letter, payload, got, want)
			}
			if strings.ContainsAny(w.Subject, "\r\n\u2028\u0085\x0b\x00") || len(w.Subject) > 1000 {
				t.Errorf("%s with %q: subject %q", letter, payload, w.Subject)
			}
			if strings.Contains(w.Text, "\nBcc:") || strings.Contains(w.Text, "\nClick") || strings.ContainsRune(w.Text, '\u202e') {
				t.Errorf("%s with %q: a name began a line of\n%s", letter, payload, w.Text)
			}
		}
	}
}
