package templates

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"strings"
	"sync"
	plaintext "text/template"
	"time"
)

//go:embed mail/*.html mail/layout/*
var mailSources embed.FS

// Mail is one letter. Its words are the file of its name in mail/, which gives the
// subject, the sentences before and after the link, and the link's name.
type Mail struct {
	Letter string
	// Language is the tag of one of [Languages]; anything else is English.
	Language string
	// Name is what the reader is called, Host the issuer's host.
	Name, Host string
	// Link is the address that the letter leads to, "" for none, and Until when it ends.
	Link  string
	Until time.Time
	// At, Address and Device say when and where it happened, as far as that is known.
	At              time.Time
	Address, Device string
	// Subject is what the letter is about, such as a tenant.
	Subject string
}

// Written is a letter in words.
type Written struct {
	// Subject is one line.
	Subject    string
	Text, HTML string
}

// Write puts a letter into words: as plain text, and as HTML that asks for nothing
// from anywhere.
func (m Mail) Write() (Written, error) {
	set, err := letters[spoken(m.Language).Tag]()
	if err != nil {
		return Written{}, err
	}
	l, known := set[m.Letter]
	if !known {
		return Written{}, fmt.Errorf("write mail %s: no such letter", m.Letter)
	}
	m.Name, m.Device, m.Subject = oneLine(m.Name), oneLine(m.Device), oneLine(m.Subject)
	var subject, plain, html bytes.Buffer
	if err := l.text.ExecuteTemplate(&subject, "subject", m); err != nil {
		return Written{}, fmt.Errorf("write mail %s: %w", m.Letter, err)
	}
	// Title is the subject without markup, which a title cannot hold.
	titled := struct {
		Mail
		Title string
	}{m, oneLine(subject.String())}
	for _, part := range []func() error{
		func() error { return l.text.ExecuteTemplate(&plain, "letter", m) },
		func() error { return l.html.ExecuteTemplate(&html, "letter", titled) },
	} {
		if err := part(); err != nil {
			return Written{}, fmt.Errorf("write mail %s: %w", m.Letter, err)
		}
	}
	return Written{Subject: titled.Title, Text: plain.String(), HTML: html.String()}, nil
}

// letter is the same words twice: escaped for HTML, and as they are.
type letter struct {
	html *template.Template
	text *plaintext.Template
}

// letters is the letters by language, each language parsed at its first letter.
var letters = func() map[string]func() (map[string]letter, error) {
	sets := map[string]func() (map[string]letter, error){}
	for _, l := range languages {
		sets[l.Tag] = sync.OnceValues(func() (map[string]letter, error) { return parseLetters(l.Tag) })
	}
	return sets
}()

func parseLetters(tag string) (map[string]letter, error) {
	messages, err := readCatalogue(tag)
	if err != nil {
		return nil, err
	}
	files, err := mailSources.ReadDir("mail")
	if err != nil {
		return nil, fmt.Errorf("list mails: %w", err)
	}
	functions := messages.functions()
	functions["moment"] = messages.moment
	words := plaintext.FuncMap{"t": messages.plain, "moment": messages.moment}
	set := map[string]letter{}
	for _, file := range files {
		name, isLetter := strings.CutSuffix(file.Name(), ".html")
		if !isLetter {
			continue
		}
		var l letter
		if l.html, err = template.New(name).Funcs(functions).ParseFS(mailSources, "mail/layout/letter.html", "mail/layout/parts.html", "mail/"+file.Name()); err != nil {
			return nil, fmt.Errorf("parse mail %s: %w", name, err)
		}
		if l.text, err = plaintext.New(name).Funcs(words).ParseFS(mailSources, "mail/layout/letter.txt", "mail/layout/parts.html", "mail/"+file.Name()); err != nil {
			return nil, fmt.Errorf("parse mail %s: %w", name, err)
		}
		set[name] = l
	}
	return set, nil
}

// oneLine keeps what others chose to be called from ending a line: a name is no
// header and no paragraph.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case r == '\u2028' || r == '\u2029' || r == '\u0085':
			return ' '
		case r < ' ' || r == 0x7f:
			return ' '
		// Letters that turn the direction of writing would let a name rewrite the sentence.
		case r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))), " ")
	// Nor is it an encoded word (RFC 2047 §2), which a reader would decode in a subject.
	s = strings.ReplaceAll(s, "=?", "= ?")
	const most = 200
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
