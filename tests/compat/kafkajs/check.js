// kafkajs 2.2.4 unchanged: admin and producer (it reads only in groups, which this server does not have yet).
// node check.js HOST:PORT TOPIC; exit code 0 only if everything held.
const assert = require('assert')
const { Kafka, CompressionTypes, ConfigResourceTypes, logLevel } = require('kafkajs')

// Recent, so that retention has no reason to take the records away.
const base = Date.now() - 60000

async function main([broker, topic]) {
  const kafka = new Kafka({ clientId: 'compat', brokers: [broker], logLevel: logLevel.ERROR })
  const admin = kafka.admin()
  await admin.connect()
  assert.strictEqual(await admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true }), true)
  assert.strictEqual(await admin.createTopics({ topics: [{ topic }] }), false)
  const producer = kafka.producer()
  await producer.connect()
  let stored = 0
  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    for (const acks of [-1, 1]) {
      const messages = [...Array(50).keys()].map((i) => ({ key: `k${i}`, value: `v${i}`, headers: { n: `${i}` }, timestamp: `${base + i}` }))
      const answer = await producer.send({ topic, messages, compression, acks })
      assert.ok(answer.every((part) => part.errorCode === 0))
      stored += messages.length
    }
  }
  await producer.disconnect()
  const offsets = await admin.fetchTopicOffsets(topic)
  assert.strictEqual(offsets.reduce((sum, part) => sum + Number(part.high) - Number(part.low), 0), stored)
  const byTime = await admin.fetchTopicOffsetsByTimestamp(topic, base)
  assert.ok(byTime.every((part) => Number(part.offset) === 0))
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  assert.strictEqual(topics[0].partitions.length, 3)
  await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] })
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name: 'retention.ms', value: '3600000' }] }] })
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ['retention.ms'] }] })
  assert.strictEqual(resources[0].configEntries[0].configValue, '3600000')
  const low = Math.min(2, Number(offsets[0].high))
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: offsets[0].partition, offset: `${low}` }] })
  const after = await admin.fetchTopicOffsets(topic)
  assert.strictEqual(Number(after.find((part) => part.partition === offsets[0].partition).low), low)
  await admin.deleteTopics({ topics: [topic] })
  assert.ok(!(await admin.listTopics()).includes(topic))
  await admin.disconnect()
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error)
  process.exit(1)
})
