package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"

	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/cmd/internal/output"
	"github.com/gatehouse/gatehouse/cmd/internal/records"
	"github.com/gatehouse/gatehouse/web/api"
)

// bulk is one thing done to the users of a file, in two passes over it: the first
// changes nothing and finds what would be refused, the second makes the changes.
type bulk struct {
	action string
	// columns is what a line may say, unique those of which no value may stand twice.
	columns, unique []string
	format          records.Format
	group, role     string
	try, resume     bool
	// agreed is asked before what cannot be taken back; nil for what can.
	agreed *agreement
}

// bulkReport is what came of a bulk.
type bulkReport struct {
	Lines     int               `json:"lines"`
	Changed   int               `json:"changed"`
	Unchanged int               `json:"unchanged"`
	Refused   []api.BulkRefusal `json:"refused"`
}

// maxRefusals is how many lines are told of before a file is given up.
const maxRefusals = 1000

func (b *bulk) run(ctx context.Context, i *invocation, o *operator, name string) error {
	file, err := i.openSeekable(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if b.format == "" {
		if b.format, err = sniff(file); err != nil {
			return err
		}
	}
	report := bulkReport{Refused: []api.BulkRefusal{}}
	judge := b.pass(o, file, i.progress("Judging", file), true, &report)
	if err := judge.all(ctx); err != nil {
		return err
	}
	switch {
	case len(report.Refused) > 0:
		report.Changed, report.Unchanged = 0, 0
	case !b.try:
		if b.agreed != nil && report.Changed > 0 {
			if err := b.agreed.to(ctx, "Delete "+number(report.Changed, "user")); err != nil {
				return err
			}
		}
		report = bulkReport{Refused: []api.BulkRefusal{}}
		change := b.pass(o, file, i.progress("Changing", file), false, &report)
		if err := change.all(ctx); err != nil {
			return errors.Join(err, b.print(o, report), fmt.Errorf("interrupted after line %d: run it again with --resume", change.done))
		}
	}
	if err := b.print(o, report); err != nil {
		return err
	}
	switch n := len(report.Refused); {
	case n > 0 && report.Changed > 0:
		return fmt.Errorf("%d lines cannot be had any more, since something changed meanwhile; %d users before them are changed: go on with --resume", n, report.Changed)
	case n > 0:
		return fmt.Errorf("%d of %d lines were refused, and nothing of them was changed", n, report.Lines)
	}
	return nil
}

func (b *bulk) print(o *operator, r bulkReport) error {
	if o.print.Format == output.JSON || len(r.Refused) == 0 {
		return o.print.One(r)
	}
	return output.List(o.print, r, r.Refused, "")
}

// pass is one way through the file.
type bulkPass struct {
	*bulk
	o        *operator
	file     io.ReadSeeker
	progress *progress
	try      bool
	report   *bulkReport
	seen     duplicates
	batch    []api.BulkLine
	size     int
	// ahead is what the answers about the parts before said.
	ahead map[string]int
	// done is the last line that is.
	done int
}

func (b *bulk) pass(o *operator, file io.ReadSeeker, p *progress, try bool, r *bulkReport) *bulkPass {
	return &bulkPass{bulk: b, o: o, file: file, progress: p, try: try, report: r, seen: duplicates{}, ahead: map[string]int{}}
}

// all reads the file and sends its lines, some at a time. When changes are being
// made, it stops at the first refusal.
func (p *bulkPass) all(ctx context.Context) error {
	defer p.progress.end()
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read users: %w", err)
	}
	for record, err := range records.Read(p.progress.reading(p.file), p.format, p.columns) {
		if err != nil {
			return fmt.Errorf("read users: %w", err)
		}
		p.report.Lines++
		if line, refusal := p.line(record); refusal != nil {
			p.report.Refused = append(p.report.Refused, *refusal)
		} else if err := p.add(ctx, line); err != nil {
			return err
		}
		if n := len(p.report.Refused); n >= maxRefusals || n > 0 && !p.try {
			return nil
		}
	}
	return p.send(ctx)
}

// A request holds so many lines, and so many bytes of them.
const batchBytes = 64 << 10

func (p *bulkPass) add(ctx context.Context, line api.BulkLine) error {
	p.batch = append(p.batch, line)
	if p.size < batchBytes && len(p.batch) < api.BulkLines {
		return nil
	}
	return p.send(ctx)
}

func (p *bulkPass) send(ctx context.Context) error {
	if len(p.batch) == 0 {
		return nil
	}
	var in api.Bulk
	in.Body.Action, in.Body.Group, in.Body.Try, in.Body.Resume, in.Body.Lines = p.action, p.group, p.try, p.resume, p.batch
	if p.try {
		in.Body.Ahead = map[string]int{}
		for _, line := range p.batch {
			if users := p.ahead[line.Tenant]; users > 0 {
				in.Body.Ahead[line.Tenant] = users
			}
		}
	}
	out, err := client.Call(ctx, p.o.api, api.ChangeUsers, in)
	if err != nil {
		return err
	}
	p.report.Changed += out.Changed
	p.report.Unchanged += out.Unchanged
	p.report.Refused = append(p.report.Refused, out.Refused...)
	maps.Copy(p.ahead, out.Ahead)
	p.done = p.batch[len(p.batch)-1].Line
	p.batch, p.size = p.batch[:0], 0
	return nil
}

// line is a record in the words of the API.
func (p *bulkPass) line(r records.Record) (api.BulkLine, *api.BulkRefusal) {
	refuse := func(field, problem string) (api.BulkLine, *api.BulkRefusal) {
		return api.BulkLine{}, &api.BulkRefusal{Line: r.Line, Field: field, Problem: problem}
	}
	if r.Problem != "" {
		return refuse("", r.Problem)
	}
	if needed := p.unique[0]; r.Fields[needed] == "" {
		return refuse(needed, "is missing")
	}
	for _, column := range p.unique {
		if first := p.seen.line(column, r.Fields[column], r.Line); first != 0 {
			return refuse(column, fmt.Sprintf("stands in line %d already", first))
		}
	}
	text := func(column string) *string {
		if value, ok := r.Fields[column]; ok {
			return &value
		}
		return nil
	}
	line := api.BulkLine{
		Line: r.Line, User: r.Fields["user"], Username: text("username"), Email: text("email"), DisplayName: text("display_name"),
		PhoneNumber: text("phone_number"),
		Address: api.AddressChange{
			Street: text("street_address"), Locality: text("locality"), Region: text("region"), PostalCode: text("postal_code"), Country: text("country"),
		},
		AvatarURL: text("avatar_url"), Language: text("language"), Role: text("role"), Tenant: r.Fields["tenant"], Password: r.Fields["password"], PasswordHash: r.Fields["password_hash"],
	}
	if p.role != "" {
		line.Role = &p.role
	}
	for column, said := range map[string]**bool{"disabled": &line.Disabled, "phone_number_verified": &line.PhoneVerified} {
		if value, ok := r.Fields[column]; ok {
			yes, err := strconv.ParseBool(value)
			if err != nil {
				return refuse(column, "is neither true nor false")
			}
			*said = &yes
		}
	}
	for name, longest := range map[string]int{"phone_number": 64, "street_address": 200, "locality": 200, "region": 200, "postal_code": 200, "country": 200, "user": 254, "username": 128, "email": 254, "display_name": 200, "avatar_url": 2048, "language": 32, "role": 32, "tenant": 64, "password": 8192, "password_hash": 512} {
		p.size += len(r.Fields[name])
		if len(r.Fields[name]) > longest {
			return refuse(name, fmt.Sprintf("is longer than %d bytes", longest))
		}
	}
	p.size += 64
	return line, nil
}
