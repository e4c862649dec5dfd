package web

import (
	"net/http"

	"github.com/gatehouse/gatehouse/templates"
	"github.com/gatehouse/gatehouse/web/browser"
)

// mailbox is what a development server would have mailed; elsewhere there is no such page.
func (s *Server) mailbox(w http.ResponseWriter, r *http.Request) {
	if s.Mailbox == nil {
		s.refuse(w, r, templates.Error{Status: http.StatusNotFound})
		return
	}
	letters, err := s.Mailbox.Letters()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page := templates.Mailbox{}
	if page.Layout, err = s.browsers.Visit(w, r).Layout(r.Context()); err != nil {
		s.fail(w, r, err)
		return
	}
	for _, l := range letters {
		page.Letters = append(page.Letters, templates.MailboxLetter{To: l.To, Subject: l.Subject, Date: l.Date, Text: l.Text, Link: l.Link})
	}
	browser.Show(w, r, page, browser.Sending{})
}
