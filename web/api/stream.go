package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/gatehouse/gatehouse/authz/directory"
)

// LinesType is the media type of a stream: one JSON document to a line.
const LinesType = "application/x-ndjson"

// Lines is the answer of an operation that streams documents of one type, in
// constant memory. A stream that breaks off ends without the line break of its
// last line, or in a document whose one member is "error".
type Lines[T any] struct{}

// Broken is the last line of a stream that could not be finished.
type Broken struct {
	Error string `json:"error"`
}

// addLines registers an operation that streams. What goes wrong before the first
// line is a problem document; later the status is spent, and [Broken] says so.
func addLines[I, T any](a *API, o Operation[I, Lines[T]], do func(context.Context, directory.Actor, *I, func(T) error) error) {
	description := describe(a, o)
	schema := a.huma.OpenAPI().Components.Schemas.Schema(typeOf[T](), true, o.ID)
	description.Responses = map[string]*huma.Response{"200": {
		Description: "One document to a line", Content: map[string]*huma.MediaType{LinesType: {Schema: schema}},
	}}
	huma.Register(a.huma, description, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		actor, err := a.actor(ctx)
		if err != nil {
			return nil, a.problem(ctx, err, false)
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			s := &stream{ctx: c}
			err := do(ctx, actor, in, func(document T) error { return s.write(document) })
			if err != nil {
				s.fail(a.problem(ctx, err, strings.Contains(o.Path, "{")))
				return
			}
			s.begin()
		}}, nil
	})
}

// stream is an answer that is written line by line.
type stream struct {
	ctx     huma.Context
	encoder *json.Encoder
	count   int
}

func (s *stream) begin() {
	if s.encoder == nil {
		s.ctx.SetHeader("Content-Type", LinesType)
		s.ctx.SetStatus(http.StatusOK)
		s.encoder = json.NewEncoder(s.ctx.BodyWriter())
		s.encoder.SetEscapeHTML(false)
	}
}

// flushEvery is how many lines may wait in the server while it looks for more.
const flushEvery = 100

func (s *stream) write(document any) error {
	s.begin()
	if err := s.encoder.Encode(document); err != nil {
		return err
	}
	if s.count++; s.count%flushEvery == 1 {
		_, w := humago.Unwrap(s.ctx)
		return http.NewResponseController(w).Flush()
	}
	return nil
}

func (s *stream) fail(problem error) {
	document, known := problem.(huma.StatusError)
	if s.encoder == nil && known {
		s.ctx.SetHeader("Content-Type", "application/problem+json")
		s.ctx.SetStatus(document.GetStatus())
		_ = json.NewEncoder(s.ctx.BodyWriter()).Encode(document) // the client is gone when this fails
		return
	}
	s.begin()
	_ = s.encoder.Encode(Broken{problem.Error()})
}

// Upload is a request body that the operation reads as it arrives; embed it in
// the parameters. It is not bounded by the limit of documents: who reads it bounds
// what is kept.
type Upload struct {
	// Content is set by whoever calls, and by the server for whoever answers.
	Content io.Reader `json:"-"`
}

// Resolve takes the body of the request.
func (u *Upload) Resolve(ctx huma.Context) []error {
	u.Content = ctx.BodyReader()
	return nil
}
