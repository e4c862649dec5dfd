package ledger_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse/gatehouse/storage/ledger"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// feed is what the ledger hears of, by hand.
type feed struct {
	follower postgres.Follower
	stale    bool
}

func (f *feed) Follow(n postgres.Follower) { f.follower = n }
func (f *feed) Fresh() bool                { return !f.stale }

func (f *feed) dead(id string, until time.Time) {
	f.follower.Changed(postgres.Change{Table: "revoked_tokens", ID: id, ExpiresAt: until})
}

// readings passes the ledger by all of its memory.
func (f *feed) readings() {
	for range 256 {
		f.follower.Read()
	}
}

const lifetime = 10 * time.Minute

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestJudge(t *testing.T) {
	t.Parallel()
	f, now := &feed{}, start
	l := ledger.New(f, lifetime, func() time.Time { return now })
	jti, grant, sid, user := uuid.NewString(), uuid.NewString(), uuid.NewString(), uuid.NewString()
	f.dead("not an uuid", now.Add(time.Hour))
	f.dead(grant, now.Add(time.Hour))
	f.follower.Changed(postgres.Change{Table: "users", ID: user})
	other := func() string { return uuid.NewString() }
	for name, test := range map[string]struct {
		token ledger.Token
		want  ledger.Verdict
	}{
		"nothing known":                   {ledger.Token{IDs: [3]string{jti, other(), sid}, RestsOn: [4]string{other()}}, ledger.Stands},
		"its grant is dead":               {ledger.Token{IDs: [3]string{jti, grant, sid}}, ledger.Dead},
		"dead by another kind of id":      {ledger.Token{IDs: [3]string{"not an uuid"}}, ledger.Dead},
		"dead and changed":                {ledger.Token{IDs: [3]string{grant}, RestsOn: [4]string{user}}, ledger.Dead},
		"no ids at all":                   {ledger.Token{}, ledger.Stands},
		"older than a change":             {ledger.Token{RestsOn: [4]string{"", "", "", user}, IssuedAt: now.Add(-time.Second)}, ledger.Unknown},
		"made while the change was heard": {ledger.Token{RestsOn: [4]string{user}, IssuedAt: now.Add(4 * time.Second)}, ledger.Unknown},
		"younger":                         {ledger.Token{RestsOn: [4]string{user}, IssuedAt: now.Add(6 * time.Second)}, ledger.Stands},
	} {
		if got := l.Judge(test.token); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	f.stale = true
	if got := l.Judge(ledger.Token{IDs: [3]string{grant}}); got != ledger.Unknown {
		t.Errorf("while the feed is stale: %v", got)
	}
}

// What was read twice, in whatever order, is what was read once.
func TestReadTwice(t *testing.T) {
	t.Parallel()
	f, now := &feed{}, start
	l := ledger.New(f, lifetime, func() time.Time { return now })
	id := uuid.NewString()
	for _, until := range []time.Duration{time.Hour, time.Minute, time.Hour} {
		f.dead(id, now.Add(until))
	}
	now = now.Add(30 * time.Minute)
	f.readings()
	if l.Judge(ledger.Token{IDs: [3]string{id}}) != ledger.Dead || l.Len() != 1 {
		t.Errorf("%d entries; the later end counts", l.Len())
	}
	f.follower.Reset()
	if l.Judge(ledger.Token{IDs: [3]string{id}}) != ledger.Dead {
		t.Error("alive again after everything was read anew")
	}
}

func TestForgets(t *testing.T) {
	t.Parallel()
	f, now := &feed{}, start
	l := ledger.New(f, lifetime, func() time.Time { return now })
	user := uuid.NewString()
	for i := range 10_000 {
		f.dead(uuid.NewString(), now.Add(time.Duration(i%10+1)*time.Minute))
	}
	f.follower.Changed(postgres.Change{Table: "users", ID: user})
	now = now.Add(5 * time.Minute)
	f.readings()
	if l.Len() != 5_000 {
		t.Errorf("%d entries are left of 10000, of which half have expired", l.Len())
	}
	old := ledger.Token{RestsOn: [4]string{user}, IssuedAt: start}
	if l.Judge(old) != ledger.Unknown {
		t.Error("a change was forgotten while older tokens live")
	}
	now = now.Add(10 * time.Minute)
	f.readings()
	if l.Len() != 0 || l.Judge(old) != ledger.Stands {
		t.Errorf("%d entries are left when none can matter", l.Len())
	}
}

// TestSize holds ten million living entries under a gigabyte, judged by as many as
// GATEHOUSE_TEST_LEDGER says.
func TestSize(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("GATEHOUSE_TEST_LEDGER"))
	if err != nil {
		n = 500_000
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	f := &feed{}
	l := ledger.New(f, lifetime, time.Now)
	until := time.Now().Add(time.Hour)
	for range n {
		f.dead(uuid.NewString(), until)
	}
	used := heap() - before
	each := float64(used) / float64(n)
	t.Logf("%d entries in %d MB: %.1f bytes each", n, used>>20, each)
	if l.Len() != n || each > 1e9/10e6 {
		t.Errorf("%d entries, %.1f bytes each; ten million must fit into a gigabyte", l.Len(), each)
	}
}

func TestJudge_AtOnce(t *testing.T) {
	t.Parallel()
	f := &feed{}
	l := ledger.New(f, lifetime, time.Now)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 2000 {
				l.Judge(ledger.Token{IDs: [3]string{fmt.Sprint(i)}})
			}
		})
	}
	for i := range 2000 {
		f.dead(fmt.Sprint(i), time.Now().Add(time.Hour))
		f.follower.Read()
	}
	group.Wait()
	if l.Judge(ledger.Token{IDs: [3]string{"1999"}}) != ledger.Dead {
		t.Error("the last entry is not known")
	}
}

// Judging allocates nothing.
func TestJudge_Allocations(t *testing.T) {
	f := &feed{}
	l := ledger.New(f, lifetime, time.Now)
	token := ledger.Token{IDs: [3]string{uuid.NewString(), uuid.NewString(), uuid.NewString()}, RestsOn: [4]string{uuid.NewString(), uuid.NewString(), "web"}}
	if n := testing.AllocsPerRun(100, func() { l.Judge(token) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkJudge(b *testing.B) {
	f := &feed{}
	l := ledger.New(f, lifetime, time.Now)
	for range 100_000 {
		f.dead(uuid.NewString(), time.Now().Add(time.Hour))
	}
	token := ledger.Token{IDs: [3]string{uuid.NewString(), uuid.NewString(), uuid.NewString()}, RestsOn: [4]string{uuid.NewString(), uuid.NewString(), "web"}}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Judge(token)
		}
	})
}
