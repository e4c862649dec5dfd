package mail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/authn"
)

// kept is how many letters a folder holds: the latest.
const kept = 100

// Folder keeps letters as files, for trying things out without a mail server.
type Folder struct {
	// Dir is made when the first letter comes; others on the machine cannot read it.
	Dir string
	Now func() time.Time
}

// Kept is a letter in a [Folder].
type Kept struct {
	// File is its name in the folder.
	File              string
	To, Subject, Date string
	Text              string
	// Link is the one-time link in it, or "".
	Link string
}

func (f *Folder) carry(_ context.Context, m *gomail.Msg) error {
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return fmt.Errorf("make mail folder: %w", err)
	}
	// Names sort by time.
	name := authz.NewID[authz.LinkID](f.Now()).String() + ".eml"
	file, err := os.OpenFile(filepath.Join(f.Dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	_, err = m.WriteTo(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	return f.prune()
}

func (f *Folder) names() ([]string, error) {
	entries, err := os.ReadDir(f.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list mail folder: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".eml") {
			names = append(names, e.Name())
		}
	}
	slices.Reverse(names)
	return names, nil
}

func (f *Folder) prune() error {
	names, err := f.names()
	if err != nil || len(names) <= kept {
		return err
	}
	for _, name := range names[kept:] {
		if err := os.Remove(filepath.Join(f.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove old mail: %w", err)
		}
	}
	return nil
}

// Letters lists what the folder holds, the latest first.
func (f *Folder) Letters() ([]Kept, error) {
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	var all []Kept
	for _, name := range names {
		m, err := gomail.EMLToMsgFromFile(filepath.Join(f.Dir, name))
		if err != nil {
			return nil, fmt.Errorf("read mail: %w", err)
		}
		k := Kept{File: name, To: strings.Join(m.GetToString(), ", "), Subject: header(m, gomail.HeaderSubject), Date: header(m, gomail.HeaderDate)}
		for _, part := range m.GetParts() {
			if part.GetContentType() == gomail.TypeTextPlain {
				text, err := part.GetContent()
				if err != nil {
					return nil, fmt.Errorf("read mail: %w", err)
				}
				k.Text = strings.ReplaceAll(string(text), "\r\n", "\n")
			}
		}
		k.Link = linkIn(k.Text)
		all = append(all, k)
	}
	return all, nil
}

// header is a field as people read it: what is not ASCII stands encoded in it (RFC 2047).
func header(m *gomail.Msg, name gomail.Header) string {
	field := strings.Join(m.GetGenHeader(name), " ")
	if decoded, err := new(mime.WordDecoder).DecodeHeader(field); err == nil {
		return decoded
	}
	return field
}

// linkIn finds the line that is a one-time link.
func linkIn(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "http") && strings.Contains(line, authn.LinkPath+"?token=") {
			return line
		}
	}
	return ""
}
