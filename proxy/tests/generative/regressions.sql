-- Statements that failed once: see regressions.rs for the form. A failing statement of
-- `make generative` is printed in it.

-- world
-- ruled: gen.t0.ssn gen.t0.photo
CREATE SCHEMA gen;
CREATE TABLE gen.t0 (id int PRIMARY KEY, city text, raw bytea, ssn text, photo bytea);
INSERT INTO gen.t0 (id, city, raw, ssn, photo) VALUES
  (1, 'blue', '\x00feed', 'QgykqwykykgG', 'WygzqwjywjzG'),
  (2, 'red', '\x89504e47', 'KqqqwgkggvvK', 'VgzzjyvjzzyJ');
-- clean
select string_agg(a1.raw, '\x00') as raw from gen.t0 a1
-- clean
select a1.id, '\x89504e47'::bytea as raw from gen.t0 a1 where a1.raw = '\x89504e47'
-- clean
begin
insert into gen.t0 as a1 (id, raw) values (100, '\xffd8ff') returning a1.raw
rollback
-- touched: 1 2
select a1.photo || '\x00' as raw, encode(a1.ssn::bytea || '\xff', 'base64') as city from gen.t0 a1
