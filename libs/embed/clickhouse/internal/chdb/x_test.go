package chdb

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestX(t *testing.T) {
	l, err := Load(os.Getenv("HOME") + "/.cache/bellwether/chdb/26.7.3-stable.1/libchdb.so")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c, err := l.Connect("--path="+dir)
	c2, err := l.Connect("--path="+dir)
	q := func(c *Conn, s string) {
		r, err := c.Query(s, "TSV", nil)
		if err != nil {
			fmt.Println(s, err)
			return
		}
		fmt.Printf("%s -> %s\n", s, r.Bytes())
		r.Close()
	}
	for range 2 {
	q(c, "SELECT queryID()")
	q(c2, "SELECT queryID()")
	st, err := c.Stream("SELECT queryID()", "TSV", nil)
	r, err := st.Next()
	fmt.Printf("stream %s %v\n", r.Bytes(), err)
	r.Close()
	st.Close()
	}
	done := make(chan bool)
	go func() {
		t0 := time.Now()
		st, err := c.Stream("SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(rand(number))", "TSV", nil)
		fmt.Println("started", err, time.Since(t0))
		_, err = st.Next()
		fmt.Println("next", err, time.Since(t0))
		st.Close()
		close(done)
	}()
	time.Sleep(300*time.Millisecond)
	q(c2, "SELECT query_id, elapsed, is_cancelled, query from system.processes")
	q(c2, "KILL QUERY WHERE query like '%numbers(1000%' and query not like '%KILL%' ASYNC")
	time.Sleep(300*time.Millisecond)
	q(c2, "SELECT query_id, elapsed, is_cancelled, query from system.processes")
	<-done
	c.Close()
	c2.Close()
}
