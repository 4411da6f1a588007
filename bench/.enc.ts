import { RecordWriter } from "../src/cli/client/RecordWriter.ts"
const types=["timestamp","int64","int64","string","string"] as const
const w=new RecordWriter(types.map((type,i)=>({name:"c"+i,type,nullable:true,default:undefined,id:i})),1)
const prefix=Buffer.from("flights-3m.parquet#")
const origins=["SFO","LAX","JFK","ATL"]
for(let r=0;r<5;r++){const t=performance.now();let bytes=0
const values:any[]=[0,0,0,"",""]
for(let i=0;i<1e6;i++){values[0]=978307260000000+i*60e6;values[1]=(i%300)-50;values[2]=i%3000;values[3]=origins[i&3];values[4]=origins[(i+1)&3]
w.begin();w.numberedKey(prefix,i+1);w.row(values);w.end();if(w.count===2000)bytes+=w.finish().length}
console.log((1e3/(performance.now()-t)).toFixed(2),"M/s",bytes/1e6)}
