package web

// SetPlaces lets so many requests in at once, and Inside is how many there are.
func (s *Server) SetPlaces(most int64) { s.gate.most = most }

func (s *Server) Inside() int64 { return s.gate.inside.Load() }

// FormRoutes lists the paths of every route that only a form of ours may reach,
// so that a route added tomorrow is attacked by the tests of today.
func FormRoutes(c Config) ([]string, error) {
	s, err := New(c)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, r := range s.routes() {
		if r.guard == form {
			paths = append(paths, r.path)
		}
	}
	return paths, nil
}

// Paths lists "METHOD path" of every route.
func Paths(c Config) ([]string, error) {
	s, err := New(c)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, r := range s.routes() {
		if r.method == "" {
			for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
				all = append(all, method+" "+r.path)
			}
			continue
		}
		all = append(all, r.method+" "+r.path)
	}
	return all, nil
}
