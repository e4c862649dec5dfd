package webtest

import (
	"context"
	netmail "net/mail"
	"time"

	"github.com/gatehouse/gatehouse/oidc/mail"
	"github.com/gatehouse/gatehouse/storage/jobs"
)

// Post is the mail of a house: what is sent while its jobs run.
type Post struct {
	h      *House
	folder *mail.Folder
}

// Post does the jobs of the house until the test ends, and keeps what it mails.
func (h *House) Post() *Post {
	h.T.Helper()
	p := &Post{h, &mail.Folder{Dir: h.T.TempDir(), Now: h.Now}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- jobs.Run(ctx, h.Store, h.made.Log, h.made.Jobs(p.folder, netmail.Address{Address: "no-reply@house.example"})...)
	}()
	h.T.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			h.T.Error(err)
		}
	})
	return p
}

// All is what was mailed, the latest first.
func (p *Post) All() []mail.Kept {
	p.h.T.Helper()
	all, err := p.folder.Letters()
	if err != nil {
		p.h.T.Fatal(err)
	}
	return all
}

// Idle waits until every job is done.
func (p *Post) Idle() {
	p.h.T.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var waiting int
		p.h.World.Get(`select count(*) from river.river_job where finalized_at is null`, nil, &waiting)
		if waiting == 0 {
			return
		}
		if time.Now().After(deadline) {
			p.h.T.Fatalf("%d jobs were not done", waiting)
		}
	}
}

// Latest waits until every job is done, and is the last letter to an address.
func (p *Post) Latest(to string) mail.Kept {
	p.h.T.Helper()
	p.Idle()
	for _, k := range p.All() {
		if k.To == "<"+to+">" {
			return k
		}
	}
	p.h.T.Fatalf("nothing was mailed to %s", to)
	return mail.Kept{}
}
