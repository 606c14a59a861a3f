-- TPC-H's tables with its value domains, small, filled the same way every time.
create schema tpch;
set search_path = tpch;

create table region (r_regionkey int primary key, r_name text not null, r_comment text);
create table nation (
    n_nationkey int primary key, n_name text not null,
    n_regionkey int not null references region, n_comment text
);
create table supplier (
    s_suppkey int primary key, s_name text not null, s_address text not null,
    s_nationkey int not null references nation, s_phone text not null,
    s_acctbal numeric(15, 2) not null, s_comment text
);
create table customer (
    c_custkey int primary key, c_name text not null, c_address text not null,
    c_nationkey int not null references nation, c_phone text not null,
    c_acctbal numeric(15, 2) not null, c_mktsegment text not null, c_comment text
);
create table part (
    p_partkey int primary key, p_name text not null, p_mfgr text not null, p_brand text not null,
    p_type text not null, p_size int not null, p_container text not null,
    p_retailprice numeric(15, 2) not null, p_comment text
);
create table partsupp (
    ps_partkey int references part, ps_suppkey int references supplier,
    ps_availqty int not null, ps_supplycost numeric(15, 2) not null, ps_comment text,
    primary key (ps_partkey, ps_suppkey)
);
create table orders (
    o_orderkey int primary key, o_custkey int not null references customer,
    o_orderstatus char(1) not null, o_totalprice numeric(15, 2) not null, o_orderdate date not null,
    o_orderpriority text not null, o_clerk text not null, o_shippriority int not null, o_comment text
);
create table lineitem (
    l_orderkey int references orders, l_partkey int not null, l_suppkey int not null,
    l_linenumber int, l_quantity numeric(15, 2) not null, l_extendedprice numeric(15, 2) not null,
    l_discount numeric(15, 2) not null, l_tax numeric(15, 2) not null, l_returnflag char(1) not null,
    l_linestatus char(1) not null, l_shipdate date not null, l_commitdate date not null,
    l_receiptdate date not null, l_shipinstruct text not null, l_shipmode text not null, l_comment text,
    primary key (l_orderkey, l_linenumber),
    foreign key (l_partkey, l_suppkey) references partsupp
);

insert into region
select i - 1, (array['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'])[i], 'region ' || i
from generate_series(1, 5) i;

insert into nation
select n.i - 1, split_part(n.entry, ':', 1), split_part(n.entry, ':', 2)::int, 'nation ' || n.i
from unnest(array[
    'ALGERIA:0', 'ARGENTINA:1', 'BRAZIL:1', 'CANADA:1', 'EGYPT:4', 'ETHIOPIA:0', 'FRANCE:3',
    'GERMANY:3', 'INDIA:2', 'INDONESIA:2', 'IRAN:4', 'IRAQ:4', 'JAPAN:2', 'JORDAN:4', 'KENYA:0',
    'MOROCCO:0', 'MOZAMBIQUE:0', 'PERU:1', 'CHINA:2', 'ROMANIA:3', 'SAUDI ARABIA:4', 'VIETNAM:2',
    'RUSSIA:3', 'UNITED KINGDOM:3', 'UNITED STATES:1'
]) with ordinality n (entry, i);

insert into supplier
select i, 'Supplier#' || lpad(i::text, 9, '0'), 'dock ' || i, i % 25,
       10 + i % 25 || '-555-' || lpad((i * 37 % 10000)::text, 4, '0'), (i * 7919 % 1000000) / 100.0,
       case when i % 17 = 0 then 'wakes Customer slow Complaints' else 'even deposits' end
from generate_series(1, 50) i;

insert into customer
select i, 'Customer#' || lpad(i::text, 9, '0'), 'lane ' || i * 31 % 977, i % 25,
       10 + i % 25 || '-' || lpad((i * 13 % 1000)::text, 3, '0') || '-'
           || lpad((i * 77 % 10000)::text, 4, '0'),
       (i * 6361 % 1100000) / 100.0 - 999.99,
       (array['AUTOMOBILE', 'BUILDING', 'FURNITURE', 'HOUSEHOLD', 'MACHINERY'])[i % 5 + 1],
       'customer ' || i
from generate_series(1, 300) i;

insert into part
select i,
       (array['almond', 'forest', 'green', 'ivory', 'linen'])[i % 5 + 1] || ' '
           || (array['antique', 'burlywood', 'chocolate'])[i % 3 + 1],
       'Manufacturer#' || i % 5 + 1, 'Brand#' || (i % 5 + 1) || (i / 5 % 5 + 1),
       (array['ECONOMY', 'PROMO', 'STANDARD', 'MEDIUM'])[i % 4 + 1] || ' '
           || (array['ANODIZED', 'POLISHED', 'PLATED'])[i / 2 % 3 + 1] || ' '
           || (array['STEEL', 'BRASS', 'TIN', 'COPPER'])[i / 4 % 4 + 1],
       i * 7 % 50 + 1,
       (array['SM', 'MED', 'LG', 'JUMBO'])[i % 4 + 1] || ' '
           || (array['CASE', 'BOX', 'BAG', 'PACK'])[i / 3 % 4 + 1],
       900 + (i % 1000) / 10.0, 'part ' || i
from generate_series(1, 400) i;

insert into partsupp
select p, (p + s * 13) % 50 + 1, p * s * 97 % 9999 + 1, (p * 17 + s * 4001) % 100000 / 100.0, 'supply'
from generate_series(1, 400) p, generate_series(0, 3) s;

insert into orders
select i, (i * i / 7 % 100) * 3 + 1 + i % 2, (array['F', 'O', 'P'])[i % 3 + 1], 0,
       date '1992-01-01' + i * 37 % 2405,
       (array['1-URGENT', '2-HIGH', '3-MEDIUM', '4-NOT SPECIFIED', '5-LOW'])[i * 3 % 5 + 1],
       'Clerk#' || i % 20, 0,
       case when i % 11 = 0 then 'special packages requests' else 'final deposits' end
from generate_series(1, 3000) i;

insert into lineitem
select o.o_orderkey, k.part, (k.part + o.o_orderkey % 4 * 13) % 50 + 1, l,
       k.quantity, k.quantity * (900 + k.part % 1000 / 10.0), k.seed % 11 / 100.0, k.seed % 9 / 100.0,
       case when s.shipped > date '1995-06-17' then 'N' else (array['R', 'A'])[k.seed % 2 + 1] end,
       case when s.shipped > date '1995-06-17' then 'O' else 'F' end,
       s.shipped, o.o_orderdate + 30 + k.seed % 61, s.shipped + 1 + k.seed % 30,
       (array['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[k.seed % 4 + 1],
       (array['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[k.seed % 7 + 1], 'line'
from orders o
cross join lateral generate_series(1, 1 + o.o_orderkey % 5) l
cross join lateral (
    select (o.o_orderkey * 31 + l * 57) % 400 + 1 as part, o.o_orderkey * 13 + l * 7 as seed,
           (o.o_orderkey * 3 + l * 11) % 50 + 1 + case when o.o_orderkey % 50 = 9 then 50 else 0 end
               as quantity
) k
cross join lateral (select o.o_orderdate + 1 + k.seed % 121 as shipped) s;

update orders set o_totalprice = t.total
from (select l_orderkey, sum(l_extendedprice * (1 - l_discount) * (1 + l_tax))::numeric(15, 2) as total
      from lineitem group by l_orderkey) t
where t.l_orderkey = o_orderkey;

reset search_path;
